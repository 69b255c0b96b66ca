"""Platform keys: fetched seldom, shared between processes, and never a reason to hang."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import RSAKey
from joserfc.util import int_to_base64

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import PlatformError, PlatformReplyInvalid, TokenInvalid
from mentorai.lti import keysets as keysets_module
from mentorai.lti.keysets import Keysets, read_keyset
from mentorai.lti.platform_http import PlatformHttp
from mentorai.lti.tool import Tool


@pytest.fixture(scope="module")
def second_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "k2"})


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between fetches."""
    monkeypatch.setattr(keysets_module, "COOLDOWN_SECONDS", 0.0)
    monkeypatch.setattr(keysets_module, "EMPTY_COOLDOWN_SECONDS", 0.0)


def test_keyset_is_asked_once_more_and_then_left_alone_whatever_kids_arrive(
    launcher: Any,
) -> None:
    launcher.launch()

    for n in range(5):
        with pytest.raises(TokenInvalid, match="kid"):
            launcher.launch(header={"kid": f"made-up-{n}"})
    assert launcher.platform.fetches() == 2


def test_keyset_is_fetched_at_once_when_the_platform_rotates_a_moment_after_a_fetch(
    launcher: Any, second_key: RSAKey
) -> None:
    launcher.launch()
    launcher.platform.publish(second_key)
    launcher.platform.key = second_key

    assert launcher.launch().bound
    assert launcher.platform.fetches() == 2


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, "{}"),
        (200, "<html>sign in</html>"),
        (200, '{"error": "x"}'),
        (200, "[]"),
        (200, '{"keys": []}'),
        (200, json.dumps({"keys": [{"kid": "k9", "kty": "RSA", "n": "x", "e": 5}]})),
        (404, ""),
        (302, ""),
    ],
)
def test_launch_goes_on_with_known_keys_when_the_keyset_is_broken(
    launcher: Any, time_machine: Any, status: int, body: str
) -> None:
    launcher.launch()
    launcher.platform.publish(status=status, body=body)
    time_machine.move_to(now() + timedelta(hours=5))

    assert launcher.launch().bound
    assert launcher.platform.fetches() >= 2


@pytest.mark.usefixtures("eager")
def test_launch_is_refused_when_known_keys_are_days_old(launcher: Any, time_machine: Any) -> None:
    launcher.launch()
    launcher.platform.publish(status=500, body="")
    time_machine.move_to(now() + timedelta(days=4))

    with pytest.raises(TokenInvalid, match="could not be fetched"):
        launcher.launch()


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"keys": 5}', '{"keys": [null, 1]}'])
def test_launch_is_refused_when_there_never_was_a_keyset(launcher: Any, body: str) -> None:
    launcher.platform.publish(body=body)

    with pytest.raises(TokenInvalid, match="could not be fetched"):
        launcher.launch()


def test_keyset_is_refused_when_huge(launcher: Any) -> None:
    launcher.platform.publish(body='{"keys": [' + '"x",' * 100_000 + '"x"]}')

    with pytest.raises(PlatformReplyInvalid, match="too large"):
        launcher.tool.keysets.find(launcher.platform.keyset_url, "k1")


def test_keyset_is_shared_with_a_second_process(launcher: Any, engine: Engine) -> None:
    launcher.launch()
    second = Keysets(engine.database, launcher.tool.http)

    assert second.find(launcher.platform.keyset_url, "k1") is not None
    assert launcher.platform.fetches() == 1


def test_keyset_follows_a_redirect_to_another_address(launcher: Any) -> None:
    moved = "https://keys.example.edu/jwks"
    listed = [launcher.platform.key.as_dict(private=False)]
    launcher.platform.wire.upsert(
        "GET", launcher.platform.keyset_url, status=302, headers={"Location": moved}
    )
    launcher.platform.wire.add("GET", moved, json={"keys": listed})

    assert launcher.launch().bound


def test_keyset_leaves_out_keys_that_cannot_be_trusted() -> None:
    small = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    weak = {"kty": "RSA", "kid": "weak", "n": int_to_base64(small.n), "e": "AQAB"}
    good = RSAKey.generate_key(2048, {"kid": "good"}).as_dict(private=False)

    found = read_keyset(
        {
            "keys": [
                weak,
                good | {"kid": "enc", "use": "enc"},
                good | {"kid": "hmac", "alg": "HS256"},
                {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
                {name: value for name, value in good.items() if name != "kid"},
                good | {"kid": 7},
                good | {"kid": "list", "alg": ["RS256"]},
                good,
            ]
        }
    )

    assert list(found) == ["good"]


class SlowKeys(BaseHTTPRequestHandler):
    """A platform that takes its time."""

    calls = 0
    body = b"{}"

    def do_GET(self) -> None:
        type(self).calls += 1
        time.sleep(0.3)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def slow_keys(second_key: RSAKey) -> Iterator[str]:
    SlowKeys.calls = 0
    SlowKeys.body = json.dumps({"keys": [second_key.as_dict(private=False)]}).encode()
    server = ThreadingHTTPServer(("127.0.0.1", 0), SlowKeys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/jwks"
    server.shutdown()
    server.server_close()
    thread.join()


def test_keyset_is_fetched_once_when_many_launches_need_it_at_once(
    engine: Engine, slow_keys: str
) -> None:
    keysets = engine.room(Tool).keysets
    found: list[Any] = []

    threads = [
        threading.Thread(target=lambda: found.append(keysets.find(slow_keys, "k2")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.room(Tool).http.close()

    assert [key is not None for key in found] == [True] * 6
    assert SlowKeys.calls == 1


def test_keyset_call_gives_up_on_a_platform_that_is_too_slow(
    engine: Engine, slow_keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mentorai.lti.platform_http.READ_SECONDS", 0.05)
    http = PlatformHttp(engine.settings)

    with pytest.raises(PlatformError):
        Keysets(engine.database, http).find(slow_keys, "k2")
    http.close()


def test_keyset_that_was_put_serves_every_process_until_it_is_forgotten(
    tool: Tool, engine: Engine, second_key: RSAKey
) -> None:
    url = "https://nobody.invalid/jwks"
    tool.keysets.put(url, {"keys": [second_key.as_dict(private=False)]})

    assert Keysets(engine.database, tool.http).find(url, "k2") is not None

    tool.keysets.forget(url)
    with pytest.raises(PlatformError):
        Keysets(engine.database, tool.http).find(url, "k2")


def test_keyset_without_a_usable_key_is_not_put(tool: Tool) -> None:
    with pytest.raises(PlatformReplyInvalid):
        tool.keysets.put("https://nobody.invalid/jwks", {"keys": []})
