"""What the check of a key costs by itself, against what it is made of and against a Django package.

    python tests/bench/key_check.py [--keys 10000] [--many 1000000] [--rounds 9] [--no-django]

In one process: SHA-256 alone, a raw SQLite look-up, our check with and without its memory, and
`is_valid` of djangorestframework-api-key, which is installed for this into a throw-away
environment (it needs a package index) and runs on a file as ours does. Then the same check
among --keys and among --many keys, and how long a key outlives its deactivation in another
process. Only the ratios of one run mean anything.
"""

import argparse
import hashlib
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

CALLS = 300
DJANGO = """
import json, statistics, sys, time
from pathlib import Path
import django
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework",
                    "rest_framework_api_key"],
    SECRET_KEY="bench", USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.AutoField")
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from rest_framework_api_key.models import APIKey
count, rounds, calls = map(int, sys.argv[2:5])
generator = APIKey.objects.key_generator
made = [generator.generate() for _ in range(count)]
APIKey.objects.bulk_create(
    [APIKey(id=prefix + "." + hashed, prefix=prefix, hashed_key=hashed, name="k")
     for _, prefix, hashed in made], batch_size=500)
texts = [key for key, _, _ in made]
times = []
for number in range(rounds):
    asked = [texts[(number * calls + n) * 7919 % count] for n in range(calls)]
    started = time.process_time()
    for text in asked:
        assert APIKey.objects.is_valid(text)
    times.append((time.process_time() - started) / calls * 1e6)
print(json.dumps(times))
"""


def measure(act: Callable[[str], object], texts: Sequence[str], rounds: int) -> list[float]:
    """CPU microseconds a call, for each round."""
    times = []
    for number in range(rounds):
        asked = [texts[(number * CALLS + n) * 7919 % len(texts)] for n in range(CALLS)]
        started = time.process_time()
        for text in asked:
            act(text)
        times.append((time.process_time() - started) / CALLS * 1e6)
    return times


def fill(folder: Path, count: int) -> tuple[Any, list[str]]:
    """An installation with `count` keys; and the texts of up to 10,000 of them, all over it."""
    from mentorai.core.engine import Engine
    from mentorai.core.settings import Settings

    engine = Engine.open(Settings(data_dir=folder), plugins=[])
    organization_id = engine.organizations.get().id
    mentor_id = engine.mentors.add(organization_id, "Tidal Pools").id
    keys, texts = make_keys(count)
    put_keys(Path(engine.database.url.database), organization_id, mentor_id, keys)
    return engine, texts


def make_keys(count: int) -> tuple[list[tuple[int, str, str]], list[str]]:
    """Number, id and digest of `count` keys in no order, and the texts of up to 10,000.

    Only those have a secret: a million would take a minute to draw.
    """
    from mentorai.core.key_text import ID_LENGTH, PAIRS, digest_key, make_key, number_of

    keys, texts = [], []
    for _ in range(min(count, 10_000)):
        key_id, text = make_key()
        keys.append((number_of(key_id), key_id, digest_key(text)))
        texts.append(text)
    taken = {number for number, *_ in keys}
    drawn = (random.randrange(len(PAIRS) ** (ID_LENGTH // 2)) for _ in range(count - len(keys)))
    for number in set(drawn) - taken:
        left, key_id = number, ""
        for _ in range(ID_LENGTH // 2):
            left, pair = divmod(left, len(PAIRS))
            key_id = PAIRS[pair] + key_id
        keys.append((number, key_id, f"sha256${random.randbytes(32).hex()}"))
    return keys, texts


def put_keys(
    file: Path, organization_id: str, mentor_id: str, keys: Sequence[tuple[int, str, str]]
) -> None:
    """Keep them straight in SQLite, in the order of their numbers, which is the quickest."""
    same = (organization_id, mentor_id, "mentor", mentor_id, "chat:write", "bench")
    columns = "number, id, digest, name, name_taken, last_four"
    columns += ", organization_id, mentor_id, kind, bound_to, scopes, author, created_at"
    moment = "2026-01-01 00:00:00.000000"
    marks = ", ".join("?" * (columns.count(",") + 1))
    rows = (
        (*key, f"Key {n:07}", f"key {n:07}", key[2][-4:], *same, moment)
        for n, key in enumerate(sorted(keys))
    )
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executemany(f"INSERT INTO api_keys ({columns}) VALUES ({marks})", rows)


def check_all(engine: Any, texts: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """Our check and its parts."""
    from mentorai.core.key_text import read_key_id

    raw = sqlite3.connect(engine.database.url.database)
    sql = "SELECT * FROM api_keys WHERE id = ?"
    checks = engine.keys._checks

    def remember_nothing(text: str) -> None:
        checks._memory.clear()
        checks.check(text, scope="chat:write", address="192.0.2.1", route="GET /key")

    def remember(_text: str) -> None:
        checks.check(texts[0], scope="chat:write", address="192.0.2.1", route="GET /key")

    parts: dict[str, Callable[[str], object]] = {
        "SHA-256 alone": lambda text: hashlib.sha256(text.encode()).hexdigest(),
        "raw SQLite look-up": lambda text: raw.execute(sql, (read_key_id(text),)).fetchone(),
        "our check, remembered": remember,
        "our check, not remembered": remember_nothing,
    }
    for act in parts.values():
        measure(act, texts, 2)
    found = {name: measure(act, texts, rounds) for name, act in parts.items()}
    raw.close()
    return found


def run_django(folder: Path, count: int, rounds: int) -> list[float]:
    """`is_valid` of djangorestframework-api-key, in an environment of its own."""
    place = folder / "django"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    packages = ["django", "djangorestframework", "djangorestframework-api-key"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    script = folder / "django_keys.py"
    script.write_text(DJANGO)
    numbers = [str(number) for number in (count, rounds, CALLS)]
    done = subprocess.run(
        [python, script, folder / "django.sqlite3", *numbers],
        check=True,
        capture_output=True,
        text=True,
    )
    times: list[float] = json.loads(done.stdout.splitlines()[-1])
    return times


def outlive(engine: Any, text: str, rounds: int) -> list[float]:
    """Milliseconds for which another process goes on accepting a key that was deactivated."""
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from mentorai.core.engine import Engine\n"
        "from mentorai.core.errors import KeyInactive\n"
        "from mentorai.core.settings import Settings\n"
        "engine = Engine.open(Settings(data_dir=Path(sys.argv[1])), plugins=[])\n"
        "print('ready', flush=True)\n"
        "for line in sys.stdin:\n"
        "    text, stopped = line.split()[0], None\n"
        "    while True:\n"
        "        try:\n"
        "            engine.keys.check(text, scope=None, address='')\n"
        "        except KeyInactive:\n"
        "            print(time.time(), flush=True)\n"
        "            break\n"
        "        time.sleep(0.001)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(engine.settings.data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    process.stdout.readline()
    key = engine.keys.check(text, scope=None, address="")
    place = (key.organization_id, key.mentor_id, key.id, "bench")
    lived = []
    for number in range(rounds):
        process.stdin.write(text + "\n")
        process.stdin.flush()
        time.sleep(0.3 + number * 0.037)
        engine.keys.deactivate(*place)
        stopped = time.time()
        lived.append((float(process.stdout.readline()) - stopped) * 1e3)
        engine.keys.activate(*place)
        time.sleep(0.6)
    process.stdin.close()
    process.wait(20)
    return lived


def say(name: str, times: Sequence[float], unit: str = "us") -> float:
    """Print a line; the median."""
    middle = statistics.median(times)
    print(f"{name:40} {middle:8.1f} {unit} [{min(times):.1f}-{max(times):.1f}]", flush=True)
    return middle


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--no-django", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, texts = fill(folder / "few", asked.keys)
        ours = {part: say(part, t) for part, t in check_all(few, texts, asked.rounds).items()}
        whole = ours["our check, not remembered"]
        if not asked.no_django:
            theirs = say(
                "djangorestframework-api-key is_valid", run_django(folder, asked.keys, asked.rounds)
            )
            print(f"theirs : ours, not remembered = {theirs / whole:.1f}")
        say("accepted after deactivation", outlive(few, texts[0], 7), "ms")
        many, more = fill(folder / "many", asked.many)
        compare(few, texts, many, more, 50 * asked.rounds)
        few.close()
        many.close()


def compare(few: Any, texts: Sequence[str], many: Any, more: Sequence[str], rounds: int) -> None:
    """The check among few and among many keys, none remembered, 100 drawn keys of each in turns.

    The first fifth of the rounds is not counted: pages are read for the first time then.
    """
    times: dict[str, list[float]] = {"few": [], "many": []}
    for number in range(rounds):
        turns = [("few", few, texts), ("many", many, more)]
        for name, engine, known in reversed(turns) if number % 2 else turns:
            forget = engine.keys._checks._memory.clear
            asked = random.sample(known, 100)
            started = time.process_time_ns()
            for text in asked:
                forget()
                engine.keys.check(text, scope="chat:write", address="192.0.2.1", route="GET /key")
            if number >= rounds // 5:
                times[name].append((time.process_time_ns() - started) / len(asked) / 1e3)
    say(f"among {len(texts):,} keys", times["few"])
    say("among many", times["many"])
    ratios = [b / a for a, b in zip(times["few"], times["many"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"many : few = {middle:.3f} (quartiles of the turns {low:.3f}-{high:.3f})")


if __name__ == "__main__":
    main()
