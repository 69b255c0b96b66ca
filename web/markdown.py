"""Markdown to HTML that may stand in a page: no raw HTML, no images, no addresses but http(s).

The text is not ours: a student, a course document or a model wrote it. markdown-it makes HTML
with every tag of the text escaped; nh3 then keeps a short list of tags and attributes. Numbers in
brackets become links to the passages they cite.
"""

import re
from collections.abc import Callable, Mapping

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup

TAGS = {
    *("p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li"),
    *("a", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "div"),
}
LONGEST = 200_000
_CITED = re.compile(r"\[(\d{1,2})\]")
_ADDRESS = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)


def to_html(text: str, citations: Mapping[int, str] | None = None) -> Markup:
    """The HTML of a Markdown text, safe to put in a page.

    citations: number -> address on our own pages; `[1]` becomes a link when 1 is among them.
    """
    environment: dict[str, object] = {"citations": dict(citations or {})}
    html = _markdown.render(text[:LONGEST], environment)
    clean = nh3.clean(
        html,
        tags=TAGS,
        attributes={"a": {"href", "aria-label"}, "ol": {"start"}, "div": {"tabindex"}},
        allowed_classes={"a": {"cite"}, "div": {"scrolls"}},
        tag_attribute_values={"a": {"target": {"_blank"}}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(clean)  # noqa: S704 (this is the one door, and nh3 stands in it)


def to_words(text: str) -> str:
    """A Markdown text as words on one line, without its marks; not escaped."""
    return to_html(text).striptags()


def _mark_citations(state: StateCore) -> None:
    known = state.env["citations"]
    for block in state.tokens:
        if block.type == "inline" and block.children:
            block.children = [piece for child in block.children for piece in _split(child, known)]


def _split(token: Token, known: Mapping[int, str]) -> list[Token]:
    if token.type != "text":
        return [token]
    pieces: list[Token] = []
    for place, piece in enumerate(_CITED.split(token.content)):
        # re.split gives text, number, text, number, ...
        if place % 2 == 0:
            made = Token("text", "", 0, content=piece)
        elif int(piece) in known:
            made = Token("citation", "", 0, content=piece, meta={"url": known[int(piece)]})
        else:
            made = Token("text", "", 0, content=f"[{piece}]")
        pieces.append(made)
    return [piece for piece in pieces if piece.content]


def _write_citation(
    _self: RendererProtocol,
    tokens: list[Token],
    place: int,
    _options: OptionsDict,
    _env: object,
) -> str:
    token = tokens[place]
    address = nh3.clean_text(token.meta["url"])
    return (
        f'<a class="cite" href="{address}" aria-label="Source {token.content}">{token.content}</a>'
    )


def _write_link(
    self: RendererProtocol,
    tokens: list[Token],
    place: int,
    options: OptionsDict,
    env: object,
) -> str:
    # Inside a frame a followed link would replace the mentor.
    tokens[place].attrs = {"href": tokens[place].attrs["href"], "target": "_blank"}
    render: Callable[..., str] = self.renderToken  # type: ignore[attr-defined]
    return render(tokens, place, options, env)


def _lower_headings(state: StateCore) -> None:
    # The page owns h1 and h2.
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"


def _make() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    # A definition such as "[1]: http://..." would turn a citation into the text's own link.
    markdown.disable(["reference", "image", "html_block", "html_inline"])
    markdown.validateLink = lambda url: _ADDRESS.match(url.strip()) is not None  # type: ignore[method-assign]
    # Before escaped characters are joined with the text: an escaped [1] is a document's own.
    markdown.core.ruler.before("text_join", "citations", _mark_citations)
    markdown.core.ruler.push("headings", _lower_headings)
    markdown.add_render_rule("citation", _write_citation)
    markdown.add_render_rule("link_open", _write_link)
    markdown.add_render_rule("table_open", lambda *_: '<div class="scrolls" tabindex="0"><table>')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>")
    return markdown


_markdown = _make()
