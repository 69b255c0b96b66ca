"""The outbound client: no private address, no endless answer, no cookie, no trace of secrets."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mentorai.core.errors import (
    PlatformError,
    PlatformRefused,
    PlatformReplyInvalid,
    PlatformUnavailable,
)
from mentorai.core.settings import Settings
from mentorai.lti import platform_http
from mentorai.lti.origins import find_origin
from mentorai.lti.platform_http import PlatformHttp

# What stands before, what drips, and what would make it a good answer in the end.
DRIPS = {
    "/status-line": (b"HTTP/1.1 200 ", b"O", b"\r\nContent-Length: 2\r\n\r\n[]"),
    "/header": (b"HTTP/1.1 200 OK\r\nX: ", b"x", b"\r\nContent-Length: 2\r\n\r\n[]"),
    "/continue": (
        b"",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    ),
    "/chunk-extension": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;",
        b"x",
        b"\r\n[]\r\n0\r\n\r\n",
    ),
    "/trailer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n",
        b"X: x\r\n",
        b"\r\n",
    ),
}


class Lms(BaseHTTPRequestHandler):
    """A real server with a few bad habits."""

    seen: ClassVar[list[dict[str, str]]] = []
    left: ClassVar = threading.Event()
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.seen.append({"path": self.path} | dict(self.headers))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/there#top")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/drip":
            self.drip()
        elif self.path in DRIPS:
            self.drip_between(*DRIPS[self.path])
        else:
            self.send_response(200)
            self.send_header("Set-Cookie", "lms=1")
            size = 500_000 if self.path == "/large" else 2
            self.send_header("Content-Length", str(size))
            self.end_headers()
            self.wfile.write(b"[" + b" " * (size - 2) + b"]")

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(40):
            try:
                self.wfile.write(b" ")
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    def drip_between(self, before: bytes, drop: bytes, after: bytes) -> None:
        try:
            self.wfile.write(before)
            for _ in range(40):
                self.wfile.write(drop)
                time.sleep(0.05)
            self.wfile.write(after)
        except OSError:
            self.left.set()
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def lms() -> Iterator[str]:
    Lms.seen, Lms.left = [], threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lms)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def http(settings: Settings) -> Iterator[PlatformHttp]:
    http = PlatformHttp(settings)
    yield http
    http.close()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[PlatformHttp]:
    """As in production."""
    http = PlatformHttp(Settings(data_dir=tmp_path))
    yield http
    http.close()


def test_call_tells_who_we_are_and_keeps_no_cookie(http: PlatformHttp, lms: str) -> None:
    for _ in range(2):
        assert http.get(f"{lms}/x").read_json() == []

    assert [seen["User-Agent"] for seen in Lms.seen] == [platform_http.USER_AGENT] * 2
    assert not any("Cookie" in seen for seen in Lms.seen)


def test_call_is_not_redirected_unless_asked_to(http: PlatformHttp, lms: str) -> None:
    assert http.get(f"{lms}/moved").status == 302
    there = http.get(f"{lms}/moved", redirects=1)
    # A fragment is the reader's, and is not sent (RFC 9110, section 10.2.2).
    assert (there.status, there.url) == (200, f"{lms}/there")


def test_call_ends_when_the_answer_is_too_large(http: PlatformHttp, lms: str) -> None:
    with pytest.raises(PlatformReplyInvalid, match="too large"):
        http.get(f"{lms}/large", limit_bytes=100_000)


def test_call_ends_when_the_answer_drips(
    http: PlatformHttp, lms: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform_http, "TOTAL_SECONDS", 0.3)

    with pytest.raises(PlatformUnavailable) as caught:
        http.get(f"{lms}/drip")
    assert caught.value.may_go_on


@pytest.mark.parametrize("path", sorted(DRIPS))
def test_call_ends_when_what_is_around_the_answer_drips(
    http: PlatformHttp, lms: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(platform_http, "TOTAL_SECONDS", 0.3)

    with pytest.raises(PlatformUnavailable):
        http.get(lms + path)
    assert Lms.left.wait(5), "the call was waited for to its end"


def test_host_is_called_again_after_more_hosts_than_connections_are_kept_for(
    settings: Settings, lms: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform_http, "CONNECTIONS", 1)
    http = PlatformHttp(settings)
    other = lms.replace("127.0.0.1", "localhost")

    answers = [http.get(f"{host}/x").status for host in (lms, other, lms, other)]
    http.close()

    assert answers == [200] * 4


def test_call_to_nobody_is_retryable(http: PlatformHttp) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(PlatformUnavailable) as caught:
        http.get(f"http://127.0.0.1:{port}/secret?token=x")
    assert "secret" not in caught.value.message
    assert not caught.value.may_go_on


@pytest.mark.parametrize(
    "url",
    [
        "http://lms.example.edu/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:127.0.0.1]/",
        "https://0.0.0.0/",
        "https://localhost/",
        "https://printer.local/",
        "file:///etc/passwd",
        "https://user@lms.example.edu/",
        "https://lms.example.edu\\@evil/",
        "https://lms.example.edu /",
        "https:///x",
        "",
    ],
)
def test_call_to_a_private_or_odd_address_is_refused(guarded: PlatformHttp, url: str) -> None:
    with pytest.raises(PlatformRefused):
        guarded.get(url)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.7", "::1", "fe80::1%lo", "fec0::1", "64:ff9b:1::8.8.8.8"),
        # Each leads to an address of IPv4, by mapping, translation or a tunnel.
        *("::ffff:10.0.0.7", "::10.0.0.7", "::ffff:0:10.0.0.7", "64:ff9b::10.0.0.7"),
        *("64:ff9b::169.254.169.254", "2002:a00:7::1"),
    ],
)
def test_call_to_a_name_of_a_private_address_is_refused_at_connecting(
    guarded: PlatformHttp, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    answer = [(family, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answer)

    with pytest.raises(PlatformRefused, match="private"):
        guarded.get("https://lms.example.edu/jwks")


@pytest.mark.parametrize(
    "url",
    [
        "http://lms.example.edu/",
        "http://10.0.0.1/",
        "https://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "https://192.168.1.1/",
        "http://0.0.0.0/",
        "http://printer.local/",
    ],
)
def test_loopback_alone_is_called_besides_where_development_allows_it(
    http: PlatformHttp, url: str
) -> None:
    with pytest.raises(PlatformRefused):
        http.get(url)


def test_name_of_a_private_address_is_refused_where_loopback_is_allowed_too(
    http: PlatformHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answer)

    with pytest.raises(PlatformRefused, match="private"):
        http.get("https://lms.example.edu/jwks")


def test_call_to_an_unknown_name_is_retryable(
    guarded: PlatformHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    with pytest.raises(PlatformError, match="DNS") as caught:
        guarded.get("https://lms.example.edu/jwks")
    assert caught.value.retryable


def test_call_to_a_host_without_a_good_certificate_says_so(http: PlatformHttp, lms: str) -> None:
    with pytest.raises(PlatformUnavailable, match="certificate") as caught:
        http.get(lms.replace("http:", "https:"))
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://LMS.example.edu:443/x?y", "https://lms.example.edu"),
        ("http://127.0.0.1:8001/", "http://127.0.0.1:8001"),
        ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
        ("//lms.example.edu/", None),
        ("javascript:alert(1)", None),
        ("https://lms.example.edu:x/", None),
        (None, None),
        (7, None),
    ],
)
def test_origin_of_an_address(url: object, origin: str | None) -> None:
    assert find_origin(url) == origin
