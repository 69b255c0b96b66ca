"""One process that calls a platform's services, for launch.py: how often it parses a private key.

Run by launch.py: launch_calls.py PORT FOLDER ORGANIZATION REGISTRATION BEGINS_AT
It asks for the tokens of every set of scopes from many threads at once, signs, and prints what
it counted as JSON.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey
from launch_driver import AGS
from launch_tools import open_ours

THREADS, CALLS, SIGNATURES = 8, 200, 400
SCOPES = (
    (f"{AGS}/scope/score",),
    (f"{AGS}/scope/lineitem",),
    (f"{AGS}/scope/result.readonly",),
    ("https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly",),
)


def main(port: int, folder: Path, registration_id: str, begins_at: float) -> None:
    """Wait for the moment at which all processes begin; call; print."""
    from mentorai.lti.tool import Tool as LtiTool

    parsed = _count_parsed()
    engine = open_ours(port, folder)
    tool = engine.room(LtiTool)
    registration = tool.registrations.get(engine.organizations.get().id, registration_id)
    time.sleep(max(0.0, begins_at - time.time()))

    def call(number: int) -> str:
        return tool.tokens.get(registration, SCOPES[number % len(SCOPES)])

    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        tokens = set(pool.map(call, range(CALLS)))
    called = time.perf_counter()
    for number in range(SIGNATURES):
        tool.tool_keys.sign({"jti": str(number)})
    signed = time.perf_counter()
    engine.close()
    counted = {"parsed": parsed[0], "tokens": len(tokens), "calls": CALLS}
    spent = {"call_seconds": called - started, "sign_ms": (signed - called) * 1000 / SIGNATURES}
    print(json.dumps(counted | spent))


def _count_parsed() -> list[int]:
    """Count, from now on, the private keys that the library parses."""
    count, parse = [0], RSAKey.import_key.__func__

    def counted(cls: Any, value: Any, *more: Any, **named: Any) -> Any:
        count[0] += isinstance(value, dict) and "d" in value
        return parse(cls, value, *more, **named)

    RSAKey.import_key = classmethod(counted)
    return count


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
