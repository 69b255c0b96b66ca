from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mentorai.core.quoting import escape_markdown, quote
from mentorai.core.values import (
    Citation,
    DoneEvent,
    Exchange,
    Passage,
    SourcesEvent,
    TokenEvent,
    TurnRequest,
)

LIMPETS = (
    "Limpets live between the tide lines. A limpet holds on with a muscular foot. "
    "The shell keeps it from drying out. Some limpets were first counted here in 1897."
)


def passage(text: str, **facts: object) -> Passage:
    given: dict[str, object] = {
        "id": 1,
        "document_id": "d",
        "document_name": "Week 1",
        "heading": "Shore",
        "ordinal": 0,
        "start": 0,
        "end": len(text),
        "score": 2.0,
        "matched": 0.9,
    }
    return Passage(text=text, **(given | facts))  # type: ignore[arg-type]


def ask(message: str, *passages: Passage, **facts: object) -> tuple[str, tuple[Citation, ...]]:
    """The reply and its citations."""
    request = TurnRequest("o", "m", "Mentor", "", message, passages, **facts)  # type: ignore[arg-type]
    events = list(quote(request))
    (sources,) = [event for event in events if isinstance(event, SourcesEvent)]
    reply = "".join(event.text for event in events if isinstance(event, TokenEvent))
    return reply, sources.citations


def test_reply_quotes_the_sentence_that_answers_and_cites_it():
    reply, citations = ask("How does a limpet hold on?", passage(LIMPETS))

    assert citations[0].quote == "A limpet holds on with a muscular foot."
    assert (citations[0].n, citations[0].passage_id, citations[0].heading) == (1, 1, "Shore")
    assert "> A limpet holds on with a muscular foot. [1]" in reply


def test_reply_quotes_at_most_three_sentences_numbered_from_one():
    others = [passage(LIMPETS.replace("limpet", f"limpet{n}"), id=n) for n in range(5)]

    _, citations = ask("limpets and their muscular foot and shell", *others)

    assert [citation.n for citation in citations] == [1, 2, 3]


def test_number_is_preferred_where_one_is_asked_for():
    _, citations = ask("When were limpets first counted here?", passage(LIMPETS))

    assert "1897" in citations[0].quote


def test_task_in_the_material_is_not_taken_for_its_answer():
    text = "Explain how a limpet holds on to rock. The limpet holds on with a muscular foot."

    _, citations = ask("How does a limpet hold on to rock?", passage(text))

    assert citations[0].quote == "The limpet holds on with a muscular foot."


def test_same_sentence_is_quoted_once():
    _, citations = ask("muscular foot", passage(LIMPETS, id=1), passage(LIMPETS, id=2))

    quotes = [citation.quote for citation in citations]
    assert len(quotes) == len(set(quotes))


def test_follow_up_is_answered_with_the_question_before_it_in_mind():
    earlier = (Exchange("How does a limpet hold on?", ""),)

    _, citations = ask("why?", passage(LIMPETS), earlier=earlier)

    assert citations[0].quote == "A limpet holds on with a muscular foot."


def test_weak_match_says_so_and_offers_the_closest_section():
    reply, citations = ask("Who won the cup?", passage(LIMPETS), weak_match=True)

    assert "only a weak match" in reply
    assert "“Shore” in Week 1" in reply
    assert len(citations) == 1


def test_nothing_found_says_so():
    reply, citations = ask("Who won the cup?")

    assert "nothing" in reply
    assert citations == ()


def test_reply_streams_in_pieces_of_a_few_words_and_ends_with_done():
    request = TurnRequest("o", "m", "Mentor", "", "muscular foot", (passage(LIMPETS),))

    events = list(quote(request))

    pieces = [event.text for event in events if isinstance(event, TokenEvent)]
    assert len(pieces) > 3
    assert all(len(piece.split()) <= 4 for piece in pieces)
    assert [type(event) for event in events[-2:]] == [SourcesEvent, DoneEvent]


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](http://example.org/x.png)",
    "<http://example.org>",
    "**bold** _em_ `code` ~~gone~~ $x^2$",
    "# Heading",
    "- item",
    "+ item",
    "1. item",
    "12) item",
    "> quote",
    "```\ncode\n```",
    "a | b\n--|--\n1 | 2",
    "text\n===",
    "[ref]: http://example.org",
    "&lt;script&gt; &#60;",
    "\\<b>\\[x](y)",
    "***",
    "line one  \nline two",
    "    indented",
    "~~~",
    "* * *",
    ": defined",
    "[1] [2](x)",
]


class Tags(HTMLParser):
    """The tags and the text of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def render(markdown: str) -> Tags:
    """Markdown by a parser that lets everything through."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return Tags(parser.render(markdown))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_quoted_markup_stays_text(hostile: str):
    reply, citations = ask("waves", passage(f"{hostile} waves"), passage(hostile, id=2))

    shown = render(reply)
    assert shown.tags <= {"p", "blockquote"}
    assert all(" ".join(citation.quote.split()) in shown.text for citation in citations)


@given(st.text(max_size=80) | st.lists(st.sampled_from(HOSTILE)).map("\n".join))
def test_any_text_shows_letter_by_letter_when_escaped(text: str):
    text = text.replace("\x00", "")  # CommonMark itself replaces it

    shown = render(f"> {escape_markdown(text)} [1]")

    assert shown.tags <= {"p", "blockquote"}
    assert "".join(shown.text.split()) == "".join(text.split()) + "[1]"


@given(st.text(), st.lists(st.text(min_size=1), max_size=4), st.booleans())
def test_every_quote_is_a_verbatim_piece_of_its_passage(message: str, texts: list[str], weak: bool):
    passages = [passage(text, id=n) for n, text in enumerate(texts)]

    _, citations = ask(message, *passages, weak_match=weak)

    assert all(citation.quote in texts[citation.passage_id] for citation in citations)
    assert all(b.n == a.n + 1 for a, b in pairwise(citations))
