"""Documents read into sections of plain text: one reader a format.

A section is what stands under one heading; its heading is the path to it, joined by " > ".
Whatever a document holds comes out as plain text: no reader keeps markup, runs or fetches.
"""

import re
from collections.abc import Sequence
from typing import BinaryIO

from mentorai.core.errors import DocumentUnreadable, DocumentUnsupported
from mentorai.core.values import Section

PDF = "application/pdf"
_ENDINGS = {
    "md": "text/markdown",
    "markdown": "text/markdown",
    "mdown": "text/markdown",
    "txt": "text/plain",
    "text": "text/plain",
    "htm": "text/html",
    "html": "text/html",
    "xhtml": "text/html",
    "pdf": PDF,
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "vtt": "text/vtt",
    "zip": "application/zip",
    "imscc": "application/zip",
}
_SYNONYMS = {
    "text/x-markdown": "text/markdown",
    "text/md": "text/markdown",
    "application/xhtml+xml": "text/html",
}
_UNTOLD = frozenset({"", "application/octet-stream", "text/plain"})
_MAGIC = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a zip archive (or an Office document)",
    b"PK\x05\x06": "a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"{\\rtf": "an RTF document",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x7fELF": "a program",
    b"SQLite format 3": "a database",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff]")


def guess_media_type(name: str) -> str:
    """The media type that a file name promises; empty if its ending is not known."""
    return _ENDINGS.get(name.rpartition(".")[2].lower(), "") if "." in name else ""


def settle_media_type(name: str, media_type: str) -> str:
    """The media type to read a document by: the stated one, or the name's if it says more.

    media_type: as a browser states it, perhaps with parameters, empty or only "text/plain".
    """
    stated = media_type.partition(";")[0].strip().lower()
    stated = _SYNONYMS.get(stated, stated)
    return (guess_media_type(name) or stated) if stated in _UNTOLD else stated


def read_document(media_type: str, stream: BinaryIO) -> Sequence[Section] | None:
    """The sections of a Markdown, plain text, HTML or PDF document; None for any other kind.

    Raises DocumentUnreadable if it is not UTF-8 text, or a PDF that cannot be read;
    DocumentUnsupported if it is something else under a text's name; DocumentTooLarge.
    """
    if media_type == PDF:
        from mentorai.core.ingest.pdf import read_pdf

        return read_pdf(stream.read())
    if media_type == "text/markdown":
        from mentorai.core.ingest.markdown import read_markdown as read
    elif media_type == "text/plain":
        from mentorai.core.ingest.plain import read_plain as read
    elif media_type == "text/html":
        from mentorai.core.ingest.html import read_html as read
    else:
        return None
    text = read_text(stream.read())
    try:
        return [section for section in read(text) if section.text]
    except (RecursionError, ValueError) as error:
        raise DocumentUnreadable("The document is nested too deeply or broken.") from error


def read_text(data: bytes) -> str:
    """The text of UTF-8 bytes, with or without a byte order mark; lines end with a line feed.

    Raises DocumentUnreadable, DocumentUnsupported.
    """
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            raise DocumentUnsupported(f"This is {kind}, not a text.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentUnreadable(
            "The document is not UTF-8 text; save it with the encoding UTF-8 and try again."
        ) from error
    if "\x00" in text:
        raise DocumentUnreadable("The document holds zero bytes; it is not a text.")
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n\n")
    return _CONTROL.sub(" ", text)
