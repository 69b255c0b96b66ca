"""A whole document read: its text, its language, its passages and their words."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from mentorai.core.errors import DocumentTooLarge, DocumentUnreadable, DocumentUnsupported
from mentorai.core.ingest.passages import Piece, cut_passages, join_text
from mentorai.core.plugin_manager import Plugins
from mentorai.core.values import Section
from mentorai.core.words import detect_language, read_words

TEXTS = frozenset({"text/markdown", "text/plain", "text/html"})


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document read and cut, ready to be kept.

    words: for each piece the words of its heading and of its text, as the index has them.
    """

    language: str
    text: str
    pieces: Sequence[Piece]
    words: Sequence[tuple[Sequence[str], Sequence[str]]]


def read_whole(plugins: Plugins, media_type: str, data: bytes, longest: int) -> ReadDocument:
    """Ask for a document's sections, cut them and gather their words, in this process.

    longest: characters that its text may have.
    Raises DocumentTooLarge, DocumentUnreadable, DocumentUnsupported; what a plugin that reads
    documents raises.
    """
    if media_type in TEXTS:
        check_length(len(data.decode("utf-8", "ignore")), longest)
    sections: Sequence[Section] | None = plugins.ask_first(
        "read_document", media_type=media_type, stream=io.BytesIO(data)
    )
    if sections is None:
        raise DocumentUnsupported(
            "Documents of this kind cannot be read here; Markdown, plain text, HTML and PDF can."
        )
    text = join_text(sections)
    check_length(len(text), longest)
    pieces = list(cut_passages(sections))
    if not pieces:
        raise DocumentUnreadable("The document holds no text.")
    language = detect_language(text)
    words = [
        (read_words(piece.heading, language), read_words(piece.text, language)) for piece in pieces
    ]
    return ReadDocument(language, text, pieces, words)


def check_length(characters: int, longest: int) -> None:
    """Raise DocumentTooLarge for a text that is longer than it may be."""
    if characters > longest:
        raise DocumentTooLarge(f"The document's text is longer than {longest:,} characters.")
