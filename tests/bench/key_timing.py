"""Whether the time of a key's check tells what was wrong with the key.

    python tests/bench/key_timing.py [--keys 10000] [--rounds 300] [--peppers 0]

In one process and in turns, in an order that each round draws anew: a right key, an unknown id, a
known id with a wrong secret, a key with one flipped character, a deactivated one and an expired
one; each text a fresh one of its kind, none remembered, as on the first call to a process. Of
every kind the median of CPU microseconds, how many spreads (the distance between the quartiles of
the right key) it lies from the right key's, and the chance that a single call of the kind takes
longer than one of a right key: 50 % where nothing can be told.

A flipped character is refused before the database by its checksum, which everybody can reckon: it
tells nothing of any key. Unknown and wrong are the two that must look alike, also where, of several
peppers, each has its share of the keys, and none has one too.
"""

import argparse
import random
import statistics
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from key_check import fill

BATCH = 20
RIGHT, UNKNOWN, WRONG = "right key", "unknown id", "known id, wrong secret"


def make_texts(engine: Any, texts: Sequence[str]) -> dict[str, list[str]]:
    """Texts of every kind. Of the keys, a third is deactivated and a third expires."""
    from sqlalchemy import update

    from mentorai.core.clock import now
    from mentorai.core.key_rows import api_keys
    from mentorai.core.key_text import make_key, number_of

    alive, off, over = texts[0::3], texts[1::3], texts[2::3]
    for some, column in ((off, "disabled_at"), (over, "expires_at")):
        with engine.database.write() as connection:
            for text in some:
                which = api_keys.c.number == number_of(text[4:14])
                connection.execute(update(api_keys).where(which).values({column: now()}))
    return {
        RIGHT: alive,
        UNKNOWN: [make_key()[1] for _ in alive],
        WRONG: [sign(text[:15] + make_key()[1][15:-6]) for text in alive],
        "one flipped character": [flip(text) for text in alive],
        "deactivated": off,
        "expired": over,
    }


def put_under_peppers(engine: Any, texts: Sequence[str], count: int) -> Any:
    """The engine started anew with `count` peppers, the keys under each and under none in turn."""
    from mentorai.core.engine import Engine
    from mentorai.core.key_peppers import Peppers
    from mentorai.core.key_rows import api_keys
    from mentorai.core.key_text import digest_key, number_of
    from mentorai.core.settings import Settings

    secrets = " ".join(f"{n}:{random.randbytes(32).hex()}" for n in range(1, count + 1))
    peppers = Peppers(secrets).known
    with engine.database.write() as connection:
        for number, text in enumerate(texts):
            place = number // 3 % (count + 1)
            if place < count:
                which = api_keys.c.number == number_of(text[4:14])
                kept = peppers[place].cover(digest_key(text))
                connection.execute(api_keys.update().where(which).values(digest=kept))
    engine.close()
    folder = engine.settings.data_dir
    return Engine.open(Settings(data_dir=folder, key_peppers=secrets), plugins=[])


def sign(body: str) -> str:
    """The text with the right check characters."""
    from mentorai.core.key_text import _check_of

    return body + _check_of(body)


def flip(text: str) -> str:
    """The text with another character somewhere in its secret."""
    place = random.randrange(15, len(text) - 6)
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


def measure(engine: Any, kinds: dict[str, list[str]], rounds: int) -> dict[str, list[float]]:
    """CPU microseconds a call, BATCH calls at a time."""
    from mentorai.core.errors import KeyRejected

    checks = engine.keys._checks

    def check(text: str) -> None:
        with suppress(KeyRejected):
            checks.check(text, scope="chat:write", address="192.0.2.1", route="GET /key")

    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(rounds + 20):
        for kind in random.sample(list(kinds), len(kinds)):
            asked = random.choices(kinds[kind], k=BATCH)
            taken = time_calls(check, asked, checks._memory.clear)
            if number >= 20:
                times[kind].append(taken)
    return times


def time_calls(
    act: Callable[[str], None], texts: Sequence[str], before: Callable[[], None]
) -> float:
    """CPU microseconds a call."""
    started = time.process_time_ns()
    for text in texts:
        before()
        act(text)
    return (time.process_time_ns() - started) / len(texts) / 1e3


def report(times: dict[str, list[float]]) -> None:
    """Print a line a kind."""
    right = sorted(times[RIGHT])
    low, _, high = statistics.quantiles(right, n=4)
    print(f"{'':26} median us   from the right key, in spreads   slower than a right key")
    for kind, found in times.items():
        middle = statistics.median(found)
        away = (middle - statistics.median(right)) / (high - low)
        below = sum(bisect_left(right, one) + bisect_right(right, one) for one in found)
        chance = below / 2 / len(found) / len(right)
        print(f"{kind:26} {middle:9.1f}   {away:+30.2f}   {chance:22.0%}")
    spread = statistics.quantiles(times[UNKNOWN], n=4)
    gap = statistics.median(times[WRONG]) - statistics.median(times[UNKNOWN])
    print(
        f"wrong secret - unknown id = {gap:+.2f} us, {gap / (spread[2] - spread[0]):+.2f} spreads"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--peppers", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        engine, texts = fill(Path(name), asked.keys)
        engine = put_under_peppers(engine, texts, asked.peppers) if asked.peppers else engine
        report(measure(engine, make_texts(engine, texts), asked.rounds))
        engine.close()


if __name__ == "__main__":
    main()
