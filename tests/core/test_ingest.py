import io
import re
import time
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentorai.core.errors import DocumentUnreadable, DocumentUnsupported
from mentorai.core.ingest import guess_media_type, read_document, settle_media_type
from mentorai.core.ingest.passages import PASSAGE_WORDS, cut_passages, join_text
from mentorai.core.sentences import find_sentences
from mentorai.core.values import Section
from mentorai.core.words import measure_words


def read(media_type: str, text: str | bytes) -> list[Section]:
    data = text if isinstance(text, bytes) else text.encode()
    sections = read_document(media_type, io.BytesIO(data))
    assert sections is not None
    return list(sections)


def read_html(text: str | bytes) -> list[Section]:
    return read("text/html", text)


def read_markdown(text: str | bytes) -> list[Section]:
    return read("text/markdown", text)


def test_markdown_headings_become_the_path_of_what_stands_below():
    sections = read_markdown(
        "# Shore\n\n## Crabs\nThey hide.\n\n### Food\nAlgae.\n\n## Kelp\nTall."
    )

    assert [(s.heading, s.text) for s in sections] == [
        ("Shore > Crabs", "They hide."),
        ("Shore > Crabs > Food", "Algae."),
        ("Shore > Kelp", "Tall."),
    ]


def test_markdown_markup_becomes_its_text():
    (section,) = read_markdown("A *tall* `kelp` [forest](http://example.org) ![of kelp](x.png)")

    assert section.text == "A tall kelp forest of kelp"


def test_markdown_tables_and_lists_keep_their_rows_apart():
    (section,) = read_markdown("| a | b |\n|---|---|\n| 1 | 2 |\n\n- one\n- two")

    assert section.text.split("\n\n") == ["a | b", "1 | 2", "one", "two"]


def test_markdown_code_keeps_its_lines():
    (section,) = read_markdown("```\nfor x in y:\n    pass\n```")

    assert section.text == "for x in y:\n    pass"


def test_markdown_front_matter_is_left_out():
    (section,) = read_markdown("---\ntitle: Shore\n---\nWaves.")

    assert section.text == "Waves."


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert('crab')</script>Waves.",
        "<style>body{crab:1}</style>Waves.",
        "<div onclick='crab()'>Waves.</div>",
        "<!-- crab -->\n\nWaves.",
        "<p>Waves.<iframe src='crab'></iframe></p>",
    ],
)
def test_markdown_with_html_in_it_gives_only_what_a_reader_sees(hostile: str):
    (section,) = read_markdown(hostile)

    assert section.text == "Waves."


def test_html_headings_become_the_path_of_what_stands_below():
    sections = read_html("<h1>Shore</h1><p>Sand.<h2>The <b>crabs</b></h2><div>They hide.</div>")

    assert [(s.heading, s.text) for s in sections] == [
        ("Shore", "Sand."),
        ("Shore > The crabs", "They hide."),
    ]


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>crab</script>",
        "<ScRiPt>crab</sCrIpT>",
        "<style>crab</style>",
        "<noscript>crab</noscript>",
        "<template>crab</template>",
        "<svg><text>crab</text><script>crab</script></svg>",
        "<iframe srcdoc='crab'>crab</iframe>",
        "<!-- crab --><!--[if IE]>crab<![endif]-->",
        "<p hidden>crab</p>",
        "<p style='display : none'>crab</p>",
        "<img src=x onerror=crab()>",
        "<a href='javascript:crab()'></a>",
        "<object data=crab><embed src=crab></object>",
        "<?php crab ?>",
    ],
)
def test_html_gives_only_what_a_reader_sees(hostile: str):
    sections = read_html(f"<body>Waves{hostile}.</body>")

    assert "".join(s.text for s in sections).replace("\n", "") == "Waves."


def test_html_entities_of_a_file_stay_unread():
    hostile = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><p>Waves &e; here</p>'

    (section,) = read_html(hostile)

    assert re.sub(r"\W", "", section.text) in ("Waveseherehere", "Wavesehere", "Waveshere")


def test_html_escaped_markup_stays_text():
    (section,) = read_html("<p>Write &lt;script&gt; here</p>")

    assert section.text == "Write <script> here"


def test_html_of_great_depth_is_read_or_refused_but_never_breaks():
    deep = "<div>" * 100_000 + "crab"

    with suppress(DocumentUnreadable):
        read_html(deep)


@pytest.mark.parametrize("pattern", ["> ", "[", "*a ", "`", "![", "- ", "<", "|a", "(", "&", "_*"])
def test_markdown_that_nests_without_end_is_read_or_refused(pattern: str):
    with suppress(DocumentUnreadable):
        read_markdown(pattern * (20_000 // len(pattern)))


def test_plain_text_is_one_section_as_it_stands():
    assert read("text/plain", "# Not a heading\r\n<b>not bold</b>") == [
        Section("", "# Not a heading\n<b>not bold</b>")
    ]


def test_byte_order_mark_is_no_part_of_the_text():
    assert read("text/plain", b"\xef\xbb\xbfWaves.") == [Section("", "Waves.")]


@pytest.mark.parametrize(
    "data", [b"caf\xe9", "Wellen".encode("utf-16"), b"a\x00b", b"\xff\xfe\x00\x00"]
)
@pytest.mark.parametrize("media_type", ["text/plain", "text/markdown", "text/html"])
def test_what_is_not_utf_8_text_is_unreadable(media_type: str, data: bytes):
    with pytest.raises(DocumentUnreadable):
        read(media_type, data)


@pytest.mark.parametrize(
    "data", [b"%PDF-1.7\n...", b"PK\x03\x04...", b"\x89PNG\r\n", b"{\\rtf1 x}", b"\x1f\x8b\x08"]
)
@pytest.mark.parametrize("media_type", ["text/plain", "text/markdown", "text/html"])
def test_another_kind_under_a_texts_name_is_unsupported(media_type: str, data: bytes):
    with pytest.raises(DocumentUnsupported):
        read(media_type, data)


def test_unknown_kind_is_not_ours():
    assert read_document("text/vtt", io.BytesIO(b"WEBVTT")) is None


@pytest.mark.parametrize("text", ["", " \n\t ", "# Only a heading", "<!-- nothing -->"])
def test_document_without_text_has_no_sections(text: str):
    assert read_markdown(text) == []


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("week 1.md", "text/markdown"),
        ("notes.TXT", "text/plain"),
        ("page.htm", "text/html"),
        ("slides.pdf", "application/pdf"),
        ("README", ""),
        ("md", ""),
        ("archive.tar.xz", ""),
    ],
)
def test_media_type_is_guessed_from_the_name(name: str, media_type: str):
    assert guess_media_type(name) == media_type


@pytest.mark.parametrize(
    ("name", "stated", "settled"),
    [
        ("a.md", "", "text/markdown"),
        ("a.md", "application/octet-stream", "text/markdown"),
        ("a.md", "text/plain; charset=utf-8", "text/markdown"),
        ("a.md", "TEXT/HTML", "text/html"),
        ("a.txt", "text/x-markdown", "text/markdown"),
        ("README", "text/plain", "text/plain"),
        ("README", "", ""),
    ],
)
def test_media_type_is_settled_by_name_where_the_stated_one_says_little(
    name: str, stated: str, settled: str
):
    assert settle_media_type(name, stated) == settled


def test_passages_hold_at_most_150_words_and_whole_sentences():
    text = " ".join(f"Crab number {n} hides below a flat stone at low tide." for n in range(100))

    pieces = list(cut_passages([Section("Crabs", text)]))

    assert len(pieces) > 5
    assert all(measure_words(piece.text) <= PASSAGE_WORDS for piece in pieces)
    assert all(piece.text.endswith("tide.") for piece in pieces)


def test_passages_break_at_headings():
    pieces = list(cut_passages([Section("A", "Short."), Section("B", "Also short.")]))

    assert [(p.heading, p.text) for p in pieces] == [("A", "Short."), ("B", "Also short.")]


def test_passages_of_text_without_spaces_are_cut_too():
    pieces = list(cut_passages([Section("", "x" * 5_000), Section("", "水是生命之源。" * 300)]))

    assert max(len(piece.text) for piece in pieces) <= 3_000


texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400)
sections = st.builds(Section, st.text(max_size=10), texts | texts.map(lambda t: t * 8))


@given(st.lists(sections, max_size=5))
def test_passages_are_slices_of_the_text_in_order_and_lose_no_word(given: list[Section]):
    text = join_text(given)

    pieces = list(cut_passages(given))

    assert all(text[piece.start : piece.end] == piece.text for piece in pieces)
    assert all(a.end <= b.start for a, b in pairwise(pieces))
    assert "".join("".join(p.text for p in pieces).split()) == "".join(text.split())


@given(texts)
def test_sentences_are_in_order_and_lose_no_word(text: str):
    spans = list(find_sentences(text))

    assert all(start < end for start, end in spans)
    assert "".join("".join(text[s:e] for s, e in spans).split()) == "".join(text.split())


@pytest.mark.parametrize("media_type", ["text/plain", "text/markdown", "text/html"])
@given(
    data=st.binary(max_size=300) | st.text(max_size=300).map(lambda t: t.encode("utf-8", "replace"))
)
def test_any_bytes_are_read_or_refused(media_type: str, data: bytes):
    try:
        found = read(media_type, data)
    except (DocumentUnreadable, DocumentUnsupported):
        return
    assert all(section.text.strip() for section in found)


def test_sentences_end_neither_at_abbreviations_nor_at_initials():
    text = "Dr. Reyes found E. coli in Fig. 3. It grew, i.e. it doubled. Then it stopped."

    assert [text[s:e] for s, e in find_sentences(text)] == [
        "Dr. Reyes found E. coli in Fig. 3.",
        "It grew, i.e. it doubled.",
        "Then it stopped.",
    ]


def make_pdf(*pages: str) -> bytes:
    """A small PDF by hand: one line of text a page."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {count} /Kids [{kids}] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, line in enumerate(pages):
        content = f"BT /F1 12 Tf 72 700 Td ({line}) Tj ET"
        objects += [
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * n} 0 R >>",
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        ]
    body = "%PDF-1.4\n"
    places = []
    for number, text in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n"
    table += "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF"
    return (body + table + trailer).encode("latin-1")


def test_pages_of_a_pdf_are_counted():
    sections = read("application/pdf", make_pdf("Limpets hold on.", "", "Kelp grows."))

    assert sections == [Section("", "Limpets hold on.", 1), Section("", "Kelp grows.", 3)]


def test_pdf_without_text_says_so():
    with pytest.raises(DocumentUnreadable, match="pictures"):
        read("application/pdf", make_pdf("", ""))


@given(st.integers(0, 900), st.binary(min_size=1, max_size=20))
def test_broken_pdf_is_unreadable_or_read_and_nothing_else(place: int, junk: bytes):
    whole = make_pdf("Limpets hold on.")

    with suppress(DocumentUnreadable):
        read("application/pdf", whole[:place] + junk + whole[place + len(junk) :])


@pytest.mark.parametrize("run", [".", "?", " ", "\t", "\n ", ".)", "。", "a "])
@pytest.mark.parametrize("media_type", ["text/plain", "text/markdown"])
def test_run_of_any_length_is_read_in_one_go(media_type: str, run: str) -> None:
    began = time.thread_time()

    pieces = list(cut_passages(read(media_type, f"Mussels{run * 40_000}x and crabs.")))

    assert pieces[0].text.startswith("Mussels")
    assert time.thread_time() - began < 5
