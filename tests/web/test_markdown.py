import re

import pytest

from mentorai.web.markdown import to_html

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=//evil.example></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox)",
    "[x](//evil.example)",
    "[x](/s/other/admin/)",
    "![x](https://evil.example/pixel.png)",
    '<https://evil.example/" onmouseover="alert(1)>',
    '[x](https://good.example/"onmouseover="alert(1))',
    '[x](https://good.example "title\\" onmouseover=alert(1)")',
    '```"><script>alert(1)</script>\ncode\n```',
    "| <script>alert(1)</script> |\n|-|\n| <b>x</b> |",
    "<style>body{display:none}</style>",
    "<form action=//evil.example><input name=csrf_token></form>",
    "\x00<script>alert(1)</script>",
    "<!--<img src=--><img src=x onerror=alert(1)//>",
]
ALLOWED = re.compile(
    r"</?(?:p|br|hr|strong|em|s|code|pre|blockquote|ul|ol|li|h[3-6]|table|thead|tbody|tr|th|td)>"
    r'|<ol start="\d+">|<div class="scrolls" tabindex="0">|</div>|</a>'
    r'|<a href="(?:https?://|mailto:)[^"<>]*" target="_blank" rel="noopener noreferrer nofollow">'
    r'|<a class="cite" href="/[^"<>]*" aria-label="Source \d+" rel="noopener noreferrer nofollow">'
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_becomes_harmless(text):
    html = to_html(text, {1: "/s/1/passages/1"})

    left = ALLOWED.sub("", html)

    assert "<" not in left, html
    assert "<script" not in html


def test_common_markdown_is_kept():
    html = to_html("**bold** and *slanted*\n\n- one\n- two\n\n`code`")

    assert "<strong>bold</strong> and <em>slanted</em>" in html
    assert html.count("<li>") == 2
    assert "<code>code</code>" in html


def test_headings_begin_below_those_of_the_page():
    assert to_html("# Title\n\n###### Small") == "<h3>Title</h3>\n<h6>Small</h6>\n"


def test_numbers_in_brackets_become_links_to_what_they_cite():
    html = to_html("Mussels form bands [1], not [2] rows.", {1: "/s/1/passages/7?a=1&b=2"})

    assert 'href="/s/1/passages/7?a=1&amp;b=2"' in html
    assert "[2] rows" in html


def test_citation_in_code_stays_text():
    assert "<code>[1]</code>" in to_html("`[1]`", {1: "/s/1/passages/7"})


def test_number_that_a_quoted_document_wrote_stays_text():
    assert to_html(r"As shown \[1\] before.", {1: "/s/1"}) == "<p>As shown [1] before.</p>\n"


def test_text_cannot_say_where_a_citation_leads():
    html = to_html("See [1].\n\n[1]: https://evil.example", {1: "/s/1/passages/7"})

    assert 'href="https://evil.example"' not in html
    assert 'href="/s/1/passages/7"' in html


def test_link_opens_outside_the_frame():
    html = to_html("[notes](https://campus.example/notes)")

    assert 'target="_blank"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_wide_table_scrolls_in_a_box_that_keys_reach():
    assert '<div class="scrolls" tabindex="0"><table>' in to_html("|a|b|\n|-|-|\n|1|2|")


def test_huge_text_is_cut():
    assert len(to_html("a" * 1_000_000)) < 250_000
