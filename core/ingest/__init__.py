"""Documents read into sections of plain text: one reader a format."""

from collections.abc import Sequence
from typing import BinaryIO

from mentorai.core.values import Section


def guess_media_type(name: str) -> str:
    """The media type that a file name promises; empty if it is none that is read here."""
    endings = {
        "md": "text/markdown",
        "markdown": "text/markdown",
        "txt": "text/plain",
        "text": "text/plain",
        "htm": "text/html",
        "html": "text/html",
        "xhtml": "text/html",
    }
    return endings.get(name.rpartition(".")[2].lower(), "")


def read_document(media_type: str, stream: BinaryIO) -> Sequence[Section] | None:
    """The sections of a document, or None if it is of no kind that is read here."""
    raise NotImplementedError
