"""Beyond the guide: platforms whose keys change, or whose key set is broken, slow or gone."""

import time
from collections.abc import Mapping, Sequence

from mentorai.core.errors import TokenInvalid
from mentorai.plugins.sandbox.certification.case import SECURITY, Case, Run, expect
from mentorai.plugins.sandbox.certification.forge import sign
from mentorai.plugins.sandbox.certification.stage import Attempt, Stage

KEYSET = f"{SECURITY}6.3"
PATH = "/lti/jwks.json"
HUGE = b'{"keys": [' + b'"x",' * 100_000 + b'"x"]}'
BROKEN: Mapping[str, tuple[str, str, bytes]] = {
    "error": ("500 Internal Server Error", "application/json", b"{}"),
    "page": ("200 OK", "text/html", b"<!doctype html><title>Portal</title><p>Please log in.</p>"),
    "huge": ("200 OK", "application/json", HUGE),
}
SLOW_SECONDS = 2.0
# A key set that never was there is asked for again after five seconds.
PATIENCE_SECONDS = 12.0
# A tool may pause a little between two requests for one key set.
ROTATION_SECONDS = 3.0
BOUND_SECONDS = 8.0


def _broken(name: str) -> Run:
    """The key set is broken: refused; it is mended: the same ticket opens soon after."""

    def run(stage: Stage) -> str:
        attempt, seen = stage.once("broken key sets", lambda: _break_all(stage))[name]
        _finish_soon(attempt, PATIENCE_SECONDS)
        return f"{seen}; the same ticket opened when the key set was mended"

    return run


def _finish_soon(attempt: Attempt, patience_seconds: float) -> None:
    """End the launch well, if not now then soon. Raises Failed."""
    deadline = time.monotonic() + patience_seconds
    answer = attempt.post(attempt.sign())
    while answer.status_code >= 400 and time.monotonic() < deadline:
        attempt.stage.read_refusal(answer, TokenInvalid)
        time.sleep(0.25)
        answer = attempt.post(attempt.sign())
    attempt.stage.read_admission(attempt, answer)


def _break_all(stage: Stage) -> dict[str, tuple[Attempt, str]]:
    """One refused launch for each broken key set, together, so that their pauses pass at once."""
    seen = {}
    for name, answer in BROKEN.items():
        attempt = stage.begin(registration=stage.side(name))
        where = f"{PATH}?set={name}"
        stage.platform.wire.answers[where] = answer
        try:
            refused = attempt.post(attempt.sign())
            code = stage.read_refusal(refused, TokenInvalid)
        finally:
            del stage.platform.wire.answers[where]
        seen[name] = (attempt, f"{refused.status_code} {code}")
    return seen


def _admit_from_slow(stage: Stage) -> str:
    """The platform takes its time with its keys; the launch waits, and is let in."""
    attempt = stage.begin(registration=stage.side("slow"))
    faults = stage.platform.house.platform.faults
    fault = faults.add("jwks", "slow", seconds=SLOW_SECONDS, times=1)
    began = time.monotonic()
    admitted = attempt.finish()
    seconds = time.monotonic() - began
    expect(fault not in faults.list(), "the key set was not asked for")
    expect(seconds < BOUND_SECONDS, f"the launch took {seconds:.1f} s")
    return f"{admitted.page.status_code} after {seconds:.1f} s"


def _admit_while_dead(stage: Stage) -> str:
    """The key set cannot be had any more, but the key is known."""
    side = stage.side("dead")
    stage.begin(registration=side).finish()
    stage.platform.wire.answers[f"{PATH}?set=dead"] = BROKEN["error"]
    asked = len(stage.platform.wire.heard("set=dead"))
    admitted = stage.begin(registration=side).finish()
    expect(len(stage.platform.wire.heard("set=dead")) == asked, "the key set was asked for again")
    return f"{admitted.page.status_code}, without a request for the key set"


def _admit_rotated(stage: Stage) -> str:
    """The platform rotates its key between login and launch, and withdraws the old one."""
    side, keys = stage.side("rotated"), stage.platform.house.platform.keys
    stage.begin(registration=side).finish()
    attempt = stage.begin(registration=side)
    before = len(stage.platform.wire.heard("set=rotated"))
    withdrawn = keys.signing_key()
    keys.rotate(withdraw_old=True)
    _finish_soon(attempt, ROTATION_SECONDS)
    fetches = len(stage.platform.wire.heard("set=rotated")) - before
    expect(fetches == 1, f"the key set was fetched {fetches} times")
    late = stage.begin(registration=side)
    seen = stage.refuse(late, sign(dict(late.claims), withdrawn), TokenInvalid)
    return f"let in after one request for the key set; the withdrawn key: {seen}"


def _case(number: str, name: str, sent: str, expected: str, run: Run) -> Case:
    return Case(f"X{number}", name, KEYSET, sent, expected, run, calls=True)


MENDED = "refused; let in with the same ticket once it is mended"
CASES: Sequence[Case] = (
    _case("40", "key set answers 500", "a launch while the key set fails", MENDED,
          _broken("error")),
    _case("41", "key set is a page", "a launch while the key set is a sign-in page", MENDED,
          _broken("page")),
    _case("42", "key set is huge", "a launch while the key set has 400 KB", MENDED,
          _broken("huge")),
    _case("43", "key set is slow", f"a key set that takes {SLOW_SECONDS:.0f} s", "let in",
          _admit_from_slow),
    _case("44", "key set is gone, its key is known", "a launch while the key set fails",
          "let in, the key set is not asked for", _admit_while_dead),
    _case("45", "key rotated mid-flight", "a token of a key that is newer than the login",
          "one request for the key set, let in; the old key is not believed", _admit_rotated),
)  # fmt: skip
