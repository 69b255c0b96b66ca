"""HTML: headings make the sections; scripts, styles and what a page hides are left out."""

import re

from lxml import etree

from mentorai.core.errors import DocumentUnreadable
from mentorai.core.ingest.outline import Outline
from mentorai.core.values import Section

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LEFT_OUT_TAGS = """
script style noscript template head iframe object embed applet canvas svg audio video nav
button select input textarea datalist dialog frameset noframes
"""
_INLINE_TAGS = """
a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark math
q rp rt ruby s samp small span strike strong sub sup time tt u var wbr
"""
_LEFT_OUT = frozenset(_LEFT_OUT_TAGS.split())
_INLINE = frozenset(_INLINE_TAGS.split())
_CELLS = frozenset({"td", "th"})
_SPACE = re.compile(r"\s+")
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def read_html(text: str) -> list[Section]:
    """The sections of a page, whole or in part. Nothing is fetched; entities are not resolved."""
    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=False
    )
    if not text.strip():
        return []
    try:
        # As bytes, because a declaration of another encoding in the text would be believed.
        root = etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        raise DocumentUnreadable("The page could not be read as HTML.") from error
    return [] if root is None else _Reader().read(root)


class _Reader:
    """Walks a page without recursion, however deep it is."""

    def __init__(self) -> None:
        self._outline = Outline()
        self._parts: list[str] = []
        self._heading = 0
        self._verbatim = 0

    def read(self, root: etree._Element) -> list[Section]:
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            tag = element.tag if isinstance(element.tag, str) else ""
            if event == "start":
                if _is_left_out(element, tag):
                    walk.skip_subtree()
                    continue
                self._enter(element, tag)
            else:
                if not _is_left_out(element, tag):
                    self._leave(tag)
                self._add(element.tail)
        self._flush()
        return self._outline.read_sections()

    def _enter(self, element: etree._Element, tag: str) -> None:
        if tag == "br":
            self._parts.append("\n")
        elif tag == "img":
            self._add(element.get("alt"))
        elif tag not in _INLINE and tag not in _CELLS:
            self._flush()
        if tag in _HEADINGS:
            self._heading = _HEADINGS[tag]
        self._verbatim += tag == "pre"
        self._add(element.text)

    def _leave(self, tag: str) -> None:
        if tag in _CELLS:
            self._parts.append(" | ")
        elif tag not in _INLINE and tag != "br":
            self._flush()
        self._verbatim -= tag == "pre"
        if tag in _HEADINGS:
            self._heading = 0

    def _add(self, text: str | None) -> None:
        if text:
            self._parts.append(text if self._verbatim else _SPACE.sub(" ", text))

    def _flush(self) -> None:
        text = "".join(self._parts).removesuffix(" | ")
        self._parts = []
        if not self._verbatim:
            text = "\n".join(line.strip() for line in text.split("\n"))
        if self._heading:
            self._outline.add_heading(self._heading, text)
        else:
            self._outline.add_block(text)


def _is_left_out(element: etree._Element, tag: str) -> bool:
    return (
        not tag
        or tag in _LEFT_OUT
        or "hidden" in element.attrib
        or _HIDING.search(element.get("style", "")) is not None
    )
