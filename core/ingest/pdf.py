"""PDF: each page makes a section, so that a passage can be cited with its page."""

import io
import logging

from mentorai.core.errors import DocumentTooLarge, DocumentUnreadable
from mentorai.core.ingest.outline import Outline
from mentorai.core.values import Section

LARGEST_PAGES = 3_000


def read_pdf(data: bytes) -> list[Section]:
    """The text of a PDF's pages; pages are counted from 1.

    Call it where time and memory are limited (core.ingest.apart): a PDF can ask for much of both.
    Raises DocumentUnreadable (broken, locked with a password, only pictures), DocumentTooLarge.
    """
    from pypdf import PdfReader

    # It tells a log of every small thing that is not as the standard has it.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        document = PdfReader(io.BytesIO(data))
        if document.is_encrypted and not document.decrypt(""):
            raise DocumentUnreadable("The PDF is locked with a password.")
        if len(document.pages) > LARGEST_PAGES:
            raise DocumentTooLarge(f"The PDF has more than {LARGEST_PAGES:,} pages.")
        pages = [page.extract_text() for page in document.pages]
    except (DocumentUnreadable, DocumentTooLarge, MemoryError):
        raise
    except Exception as error:
        # Whatever a broken file leads pypdf to raise: KeyError, TypeError, its own.
        raise DocumentUnreadable("The PDF is broken and could not be read.") from error
    sections = [
        Section(section.heading, section.text, number)
        for number, text in enumerate(pages, start=1)
        for section in _read_page(text)
    ]
    if not sections:
        raise DocumentUnreadable(
            "The PDF holds pictures of pages only and no text; have its text recognised first."
        )
    return sections


def _read_page(text: str) -> list[Section]:
    outline = Outline()
    # Fonts without a table of their characters give halves of pairs, zero bytes and the like.
    kept = text.encode("utf-8", "replace").decode().replace("\x00", " ")
    outline.add_block(kept)
    return outline.read_sections()
