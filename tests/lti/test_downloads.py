from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
import responses

from mentorai.core.errors import DocumentTooLarge, InputRejected
from mentorai.core.settings import Settings
from mentorai.lti.downloads import Download, fetch_document
from mentorai.lti.platform_http import PlatformHttp

COURSE = "https://course.example.edu"
CHAPTER = f"{COURSE}/week%201/Chapter%201.md"


class Fetcher:
    """An installation in production that fetches."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_dir=folder, upload_bytes=1_000)
        self.http = PlatformHttp(self.settings)

    def __call__(self, url: str) -> Download:
        return fetch_document(self.http, self.settings, url)

    def refuses(self, url: str) -> str:
        """The sentence that an address is refused with."""
        with pytest.raises(InputRejected) as refused:
            self(url)
        (sentence,) = refused.value.errors["url"]
        return sentence


@pytest.fixture
def fetch(tmp_path: Path) -> Iterator[Fetcher]:
    fetcher = Fetcher(tmp_path)
    yield fetcher
    fetcher.http.close()


@responses.activate
def test_document_has_the_name_of_its_address(fetch: Fetcher) -> None:
    responses.get(CHAPTER, b"# Tides", content_type="text/markdown; charset=utf-8")

    found = fetch(CHAPTER)

    assert found == Download("Chapter 1.md", "text/markdown; charset=utf-8", b"# Tides")


@responses.activate
def test_address_without_a_path_names_its_host(fetch: Fetcher) -> None:
    responses.get(f"{COURSE}/", b"<p>Tides</p>", content_type="text/html")

    assert fetch(f"{COURSE}/").name == "course.example.edu"


@responses.activate
def test_redirect_is_followed(fetch: Fetcher) -> None:
    responses.get(CHAPTER, status=302, headers={"Location": "/new.md"})
    responses.get(f"{COURSE}/new.md", b"# Tides")

    assert fetch(CHAPTER).data == b"# Tides"


@pytest.mark.parametrize(
    "target",
    [
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "http://course.example.edu/plain",
        "https://localhost/x",
        "file:///etc/passwd",
        "https://user:secret@course.example.edu/",
    ],
)
@responses.activate
def test_redirect_to_what_may_not_be_fetched_is_refused(fetch: Fetcher, target: str) -> None:
    responses.get(CHAPTER, status=302, headers={"Location": target})

    assert "public internet" in fetch.refuses(CHAPTER)
    assert len(responses.calls) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://course.example.edu/a.md",
        "https://127.0.0.1/a.md",
        "https://2130706433/a.md",
        "https://intranet/a.md",
        "ftp://course.example.edu/a.md",
        "course.example.edu/a.md",
        "https://",
        "https://caf\u00e9.example.edu/",
        "https://a:b@course.example.edu/",
    ],
)
@responses.activate
def test_address_that_is_not_public_and_https_is_refused_uncalled(fetch: Fetcher, url: str) -> None:
    assert fetch.refuses(url)
    assert len(responses.calls) == 0


def test_name_that_leads_to_a_private_address_is_refused(fetch: Fetcher) -> None:
    private = [(2, 1, 6, "", ("10.1.2.3", 443))]
    with patch("socket.getaddrinfo", return_value=private):
        assert "public internet" in fetch.refuses(f"{COURSE}/a.md")


@responses.activate
def test_endless_redirects_are_refused(fetch: Fetcher) -> None:
    responses.get(CHAPTER, status=302, headers={"Location": CHAPTER})

    assert fetch.refuses(CHAPTER) == "The address answered 302."


@responses.activate
def test_answer_that_is_no_document_is_refused(fetch: Fetcher) -> None:
    responses.get(CHAPTER, b"no", status=404)

    assert fetch.refuses(CHAPTER) == "The address answered 404."


@responses.activate
def test_document_that_is_too_large_is_refused(fetch: Fetcher) -> None:
    responses.get(CHAPTER, b"x" * 1_001)

    with pytest.raises(DocumentTooLarge):
        fetch(CHAPTER)
