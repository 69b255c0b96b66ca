"""Plain text: one section, as it stands."""

from mentorai.core.ingest.outline import Outline
from mentorai.core.values import Section


def read_plain(text: str) -> list[Section]:
    """One section without a heading."""
    outline = Outline()
    outline.add_block(text)
    return outline.read_sections()
