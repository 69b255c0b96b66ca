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
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey
from joserfc.util import int_to_base64

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import (
    KeysetUnavailable,
    PlatformError,
    PlatformReplyInvalid,
    PlatformUnavailable,
    TokenInvalid,
)
from mentorai.lti import keysets as keysets_module
from mentorai.lti.keysets import Keysets, read_keyset
from mentorai.lti.platform_http import PlatformHttp
from mentorai.lti.refusals import read_refusal
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
    launcher: Any, time_machine: Any
) -> None:
    time_machine.move_to(now(), tick=False)
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


def test_launch_is_taken_with_the_last_of_the_keys_of_many_schools(launcher: Any) -> None:
    own = launcher.platform.key.as_dict(private=False)
    others = [{**own, "kid": f"school-{n}"} for n in range(400)]
    launcher.platform.publish(body=json.dumps({"keys": [*others, own]}))

    assert launcher.launch().bound


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


def test_keyset_that_could_not_be_fetched_is_not_said_to_lack_a_key(
    launcher: Any, second_key: RSAKey
) -> None:
    launcher.launch()
    launcher.platform.publish(status=500)
    launcher.platform.key = second_key

    for _ in range(2):
        with pytest.raises(KeysetUnavailable):
            launcher.launch()
    assert launcher.platform.fetches() == 2


def test_keyset_that_hung_is_left_alone_after_it_was_given_up(
    launcher: Any, time_machine: Any
) -> None:
    url = launcher.platform.keyset_url

    def hang(_: Any) -> tuple[int, dict[str, str], str]:
        time_machine.move_to(now() + timedelta(seconds=20), tick=False)
        return 504, {}, ""

    launcher.platform.wire.remove("GET", url)
    launcher.platform.wire.add_callback("GET", url, hang)

    for _ in range(3):
        with pytest.raises(PlatformError):
            launcher.tool.keysets.find(url, "k1")
    assert launcher.platform.fetches() == 1


def test_explaining_a_refusal_asks_the_platform_for_no_keys(launcher: Any) -> None:
    form = {"state": "x", "id_token": launcher.platform.sign(launcher.platform.claims("n"))}

    read_refusal(launcher.tool, form)

    assert launcher.platform.fetches() == 0


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


def test_launch_goes_on_when_the_keyset_leads_nowhere(launcher: Any, time_machine: Any) -> None:
    launcher.launch()
    launcher.platform.wire.upsert(
        "GET", launcher.platform.keyset_url, status=302, headers={"Location": "http://["}
    )
    time_machine.move_to(now() + timedelta(hours=2))

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
    hold = threading.Event()

    def do_GET(self) -> None:
        type(self).calls += 1
        time.sleep(0.3)
        self.hold.wait(10)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def slow_keys(second_key: RSAKey) -> Iterator[str]:
    SlowKeys.calls = 0
    SlowKeys.hold.set()
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


def test_launch_waits_a_while_only_for_the_fetch_of_a_platform_that_hangs(
    engine: Engine, slow_keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keysets_module, "WAIT_SECONDS", 0.05)
    keysets = engine.room(Tool).keysets
    another = Keysets(engine.database, engine.room(Tool).http)
    SlowKeys.hold.clear()
    began = time.monotonic()

    # Who began the fetch, who comes to the same process, and who to another one.
    for each in (keysets, keysets, another):
        with pytest.raises(PlatformUnavailable):
            each.find(slow_keys, "k2")

    assert time.monotonic() - began < 15
    SlowKeys.hold.set()
    while any(thread.name == "keyset" for thread in threading.enumerate()):
        time.sleep(0.01)
    assert keysets.find(slow_keys, "k2") is not None
    assert another.find(slow_keys, "k2") is not None
    assert SlowKeys.calls == 1
    engine.room(Tool).http.close()


def test_keyset_is_fetched_once_when_several_processes_need_it_at_once(
    engine: Engine, slow_keys: str
) -> None:
    http = engine.room(Tool).http
    processes = [Keysets(engine.database, http) for _ in range(3)]
    found: list[Any] = []

    threads = [
        threading.Thread(target=lambda each=each: found.append(each.find(slow_keys, "k2")))
        for each in processes * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    http.close()

    assert [key is not None for key in found] == [True] * 6
    assert SlowKeys.calls == 1


def test_cooldown_is_shared_by_processes(launcher: Any, engine: Engine, time_machine: Any) -> None:
    time_machine.move_to(now(), tick=False)
    launcher.launch()
    second = Keysets(engine.database, launcher.tool.http)

    for keysets in (launcher.tool.keysets, second, launcher.tool.keysets, second):
        assert keysets.find(launcher.platform.keyset_url, "made-up") is None
    assert launcher.platform.fetches() == 2


def test_cooldown_grows_while_only_made_up_kids_arrive(launcher: Any, time_machine: Any) -> None:
    launcher.launch()
    begun, fetches = now(), []

    for second in range(1, 121):
        time_machine.move_to(begun + timedelta(seconds=second), tick=False)
        launcher.tool.keysets.find(launcher.platform.keyset_url, f"made-up-{second}")
        fetches.append(launcher.platform.fetches())

    assert fetches[-1] == 9
    assert fetches[-1] - fetches[-31] == 1


def test_process_that_died_while_fetching_blocks_nobody_for_long(
    launcher: Any, engine: Engine, time_machine: Any
) -> None:
    url = launcher.platform.keyset_url
    with engine.database.write() as connection:
        connection.execute(
            keysets_module.keysets.insert().values(
                url=url, document="", fetched_at=now(), tried_at=now()
            )
        )
    time_machine.move_to(now() + keysets_module.LEASE + timedelta(seconds=1))

    assert launcher.tool.keysets.find(url, "k1") is not None


def test_known_key_does_not_wait_for_a_platform_that_is_slow(
    engine: Engine, slow_keys: str, time_machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keysets = engine.room(Tool).keysets
    keysets.find(slow_keys, "k2")
    monkeypatch.setattr(keysets_module, "PATIENCE_SECONDS", 0.05)
    time_machine.move_to(now() + timedelta(hours=2))
    SlowKeys.hold.clear()
    began = time.monotonic()

    assert keysets.find(slow_keys, "k2") is not None

    assert time.monotonic() - began < keysets_module.WAIT_SECONDS
    SlowKeys.hold.set()
    while SlowKeys.calls < 2 or any(t.name == "keyset" for t in threading.enumerate()):
        time.sleep(0.02)
    engine.room(Tool).http.close()


def test_rotation_under_load_refuses_no_launch(
    engine: Engine, slow_keys: str, second_key: RSAKey, time_machine: Any
) -> None:
    """Old keys and new ones arrive together, in several processes, while the set is fetched."""
    http = engine.room(Tool).http
    processes = [Keysets(engine.database, http) for _ in range(2)]
    for each in processes:
        each.find(slow_keys, "k2")
    third = RSAKey.generate_key(2048, {"kid": "k3"})
    listed = [key.as_dict(private=False) for key in (second_key, third)]
    SlowKeys.body = json.dumps({"keys": listed}).encode()
    time_machine.move_to(now() + timedelta(seconds=5))
    found: list[Any] = []

    threads = [
        threading.Thread(target=lambda each=each, kid=kid: found.append(each.find(slow_keys, kid)))
        for each in processes
        for kid in ("k2", "k3") * 5
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    http.close()

    assert all(found)
    assert len(found) == 20
    assert SlowKeys.calls == 2


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
_JWK = st.fixed_dictionaries(
    {},
    optional={
        "kid": _JSON | st.just("k"),
        "kty": st.sampled_from(["RSA", "EC", "oct", "OKP", 7]),
        "use": st.sampled_from(["sig", "enc", None]),
        "alg": st.sampled_from(["RS256", "ES256", "none", "HS256"]) | _JSON,
        "crv": st.sampled_from(["P-256", "P-1"]) | _JSON,
        "n": _JSON | st.just("AQAB" * 90),
        "e": _JSON | st.just("AQAB"),
        "x": _JSON,
        "y": _JSON,
    },
)


@given(document=_JSON | st.fixed_dictionaries({"keys": st.lists(_JWK | _JSON, max_size=4)}))
@settings(max_examples=300, deadline=None)
def test_keyset_of_any_shape_is_read_without_a_fall(document: Any) -> None:
    assert all(each.algorithms for each in read_keyset(document).values())


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
