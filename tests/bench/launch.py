"""What a launch costs: ours, a floor written by hand, pylti1p3's Flask adapter, and bare Flask.

Run: .venv/bin/python -m pip install flask-caching, which the example of pylti1p3 needs; then
     .venv/bin/python tests/bench/launch.py [--pairs 240] [--rounds 5]
         [--only rates dead rotation calls memory] [--memory 100000]

Each server (launch_tools.py) runs under the same gunicorn: gthread, 4 threads, 2 processes. A round
sends N logins, then N launches, to each in turn, over 8 kept-open connections, four to each
process; tokens are signed in between, off the clock. One person a pair; ours stores person,
enrolment, session and an entry of the launch log, and the people of the first, untimed round come
back in the others. `floor` stores person and launch; `ticket` is the same floor that stores nothing
but its ticket. Servers whose name ends in @50 have their platform's key set 50 ms away. Only the
ratios within one run mean anything; they are taken round by round, and given as median and range.

dead      a start with a key that is known and due to be fetched again, from an address that refuses
          calls, and from one that never answers them
rotation  launches while the platform goes on to another key twice a round
calls     two processes that call its services at the same moment
memory    what two processes hold after so many launches of 5,000 people; takes minutes, and is left
          out unless it is asked for (--memory)
"""

import argparse
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from joserfc.jwk import RSAKey
from launch_driver import CLIENTS, Round, run_round
from launch_platform import Platform, serving, silence
from launch_servers import Server, read_cpu_seconds, read_memory_mib, running
from launch_tools import PROCESSES, prepare_ours

NEAR_MS, FAR_MS = 0, 50
ROTATIONS = 2
MEMORY_PEOPLE, MEMORY_CHUNK = 5_000, 1_000
SCENES = ("rates", "dead", "rotation", "calls", "memory")


@dataclass
class Findings:
    """What was measured, a line each, and whether any floor was missed."""

    missed: list[str] = field(default_factory=list)

    def note(self, name: str, figure: str, floor: str = "", held: bool | None = None) -> None:
        """Print one line. held: None for what has no floor."""
        verdict = {None: "", True: "held", False: "NOT HELD"}[held]
        print(f"{name:58} {figure:>26}  {floor:10} {verdict}".rstrip(), flush=True)
        if held is False:
            self.missed.append(name)

    def note_ratios(
        self, name: str, values: Sequence[float], *, least: float = 0, most: float = 0
    ) -> None:
        """The same for ratios by round, of which the median counts."""
        middle = statistics.median(values)
        floor = f">= {least:g}" if least else f"<= {most:g}" if most else ""
        held = middle >= least if least else middle <= most if most else None
        self.note(name, _spread(values, ".2f"), floor, held)


def main() -> int:
    """Measure and print; 1 if a floor was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=SCENES, default=SCENES)
    parser.add_argument("--memory", type=int, default=0, metavar="LAUNCHES")
    chosen = parser.parse_args()
    findings, keys = Findings(), _make_keys(1)
    if "rates" in chosen.only:
        measure_rates(findings, keys, chosen.pairs, chosen.rounds)
    if "dead" in chosen.only:
        measure_dead(findings, keys, chosen.pairs)
    if "rotation" in chosen.only:
        measure_rotation(findings, chosen.pairs, chosen.rounds)
    if "calls" in chosen.only:
        measure_calls(findings)
    if "memory" in chosen.only and chosen.memory:
        measure_memory(findings, keys, chosen.memory)
    print("missed: " + "; ".join(findings.missed) if findings.missed else "every floor is held")
    return 1 if findings.missed else 0


# --- rates --------------------------------------------------------------------------------


@dataclass
class Measured:
    """One server and its timed rounds."""

    server: Server
    rounds: list[Round] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """Pairs a second, by round."""
        return [each.rate for each in self.rounds]


def measure_rates(findings: Findings, keys: Sequence[RSAKey], pairs: int, rounds: int) -> None:
    """All servers in turn, round by round."""
    near = ["bare", "floor", "ticket", "pylti1p3", "example", "ours"]
    wanted = [(name, NEAR_MS) for name in near] + [("pylti1p3", FAR_MS), ("ours", FAR_MS)]
    platform = Platform(keys)
    with tempfile.TemporaryDirectory() as name, serving(platform), ExitStack() as stack:
        tools = [
            Measured(stack.enter_context(running(tool, delay_ms, platform, Path(name))))
            for tool, delay_ms in wanted
        ]
        for number in range(rounds + 1):
            for tool in tools:
                server, before = tool.server, read_cpu_seconds(tool.server.pid)
                result = run_round(server.port, keys, pairs, welcome=server.welcome)
                spent = read_cpu_seconds(server.pid) - before
                if number:
                    tool.rounds.append(result)
                    tool.cpu_ms.append(spent * 1000 / result.sent)
            if not number:
                cold = platform.asked.copy()
    print_rates(tools, pairs)
    by_name = {tool.server.name: tool for tool in tools}
    judge_rates(findings, by_name)
    judge_fetches(findings, platform, by_name, cold)


def print_rates(tools: Sequence[Measured], pairs: int) -> None:
    """The table of absolute figures, which hold for this machine and hour alone."""
    print(f"\n{pairs} pairs a round, {len(tools[0].rounds)} rounds")
    print(
        f"{'server':14} {'pairs/s':>18} {'CPU ms a pair':>20} {'launch p50 ms':>20} {'p99 ms':>20}"
    )
    for tool in tools:
        cells = (
            _spread(tool.rates, ".0f"),
            _spread(tool.cpu_ms, ".2f"),
            _spread([each.percentile_ms(50) for each in tool.rounds], ".1f"),
            _spread([each.percentile_ms(99) for each in tool.rounds], ".1f"),
        )
        print(f"{tool.server.name:14}" + "".join(f"{cell:>21}" for cell in cells))
    print()


def judge_rates(findings: Findings, tools: dict[str, Measured]) -> None:
    """Ours against each of the others, and against itself."""
    ours, far = tools["ours"], tools["ours@50"]

    def compare(mine: Measured, other: Measured) -> list[float]:
        return [one / two for one, two in zip(mine.rates, other.rates, strict=True)]

    for name, least in {"floor": 0.6, "ticket": 0.6, "pylti1p3": 1.8, "example": 2.5}.items():
        ratios = compare(ours, tools[name])
        findings.note_ratios(f"launches a second, ours / {name}", ratios, least=least)
    findings.note_ratios(
        "launches a second, ours / bare Flask", compare(ours, tools["bare"]), least=0.35
    )
    findings.note_ratios("launches a second, ours@50 / ours", compare(far, ours), least=0.9)
    findings.note_ratios(
        "launches a second, ours@50 / pylti1p3@50", compare(far, tools["pylti1p3@50"]), least=5
    )
    for name in ("floor", "ticket"):
        ratios = [a / b for a, b in zip(ours.cpu_ms, tools[name].cpu_ms, strict=True)]
        findings.note_ratios(f"server CPU a pair, ours / {name}", ratios, most=1.8)
    for tool in (ours, far):
        ratios = [each.percentile_ms(99) / each.percentile_ms(50) for each in tool.rounds]
        findings.note_ratios(f"launch p99 / p50, {tool.server.name}", ratios, most=2.5)


def judge_fetches(
    findings: Findings, platform: Platform, tools: dict[str, Measured], cold: dict[str, int]
) -> None:
    """How often the key set was fetched."""
    for name in ("ours", "ours@50", "pylti1p3"):
        path = tools[name].server.keyset_path
        warm = platform.asked[path] - cold[path]
        is_ours = name != "pylti1p3"
        floor, held = ("0", warm == 0) if is_ours else ("", None)
        findings.note(f"key set fetches once warm, {name}", str(warm), floor, held)
        if is_ours:
            most = platform.most_at_once[path]
            findings.note(
                f"key set fetches at once, {name}, cold start", str(most), "<= 1", most <= 1
            )


# --- a key set that is gone, and one that changes --------------------------------------------


def measure_dead(findings: Findings, keys: Sequence[RSAKey], pairs: int) -> None:
    """Processes that start when the key set is due and cannot be had."""
    platform = Platform(keys)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(platform) as port, running("ours", NEAR_MS, platform, folder) as server:
            run_round(server.port, keys, pairs)
        database = folder / f"ours-{server.port}" / "mentorai.sqlite3"
        _age_keysets(database)
        with server.again():
            result = run_round(server.port, keys, pairs, may_refuse=True)
        _note_dead(findings, "refuses calls", result)
        _age_keysets(database)
        with silence(port), server.again():
            result = run_round(server.port, keys, pairs, may_refuse=True)
        _note_dead(findings, "never answers", result)


def _age_keysets(database: Path) -> None:
    """Let every key set have been fetched two hours ago."""
    with closing(sqlite3.connect(database)) as connection, connection:
        earlier = "datetime(fetched_at, '-2 hours')"
        connection.execute(f"update keysets set fetched_at = {earlier}, tried_at = {earlier}")


def _note_dead(findings: Findings, how: str, result: Round) -> None:
    refused = len(result.refused)
    findings.note(
        f"launches refused of {result.sent}, key known, key set {how}",
        str(refused),
        "0",
        refused == 0,
    )
    figure = f"{result.percentile_ms(50):.1f}, {result.percentile_ms(99):.1f}"
    findings.note("   launch p50, p99, ms", figure)


def measure_rotation(findings: Findings, pairs: int, rounds: int) -> None:
    """Launches while the key set, 50 ms away, changes; rounds without a change in between."""
    keys = _make_keys(rounds * ROTATIONS + 1)
    platform = Platform(keys[:1])
    still: list[Round] = []
    moving: list[Round] = []
    with ExitStack() as stack:
        server = _start_ours(stack, platform, FAR_MS)
        run_round(server.port, keys[:1], pairs)
        before = platform.asked[server.keyset_path]
        for number in range(rounds):
            first = number * ROTATIONS
            still.append(run_round(server.port, keys[first : first + 1], pairs))
            moving.append(_rotate(server, platform, keys[first : first + ROTATIONS + 1], pairs))
        fetches = platform.asked[server.keyset_path] - before
        most = platform.most_at_once[server.keyset_path]
    refused = sum(len(each.refused) for each in moving)
    findings.note(
        f"launches refused of {sum(each.sent for each in moving)}, {rounds * ROTATIONS} rotations",
        str(refused),
        "0",
        refused == 0,
    )
    findings.note("   key set fetches", str(fetches), f"<= {rounds * ROTATIONS}", None)
    findings.note("   key set fetches at once", str(most), "<= 1", most <= 1)
    for part in (50, 99):
        for words, kind in (("stays", still), ("rotates its key", moving)):
            values = [each.percentile_ms(part) for each in kind]
            findings.note(f"launch p{part}, ms, platform {words}", _spread(values, ".1f"))


def _rotate(server: Server, platform: Platform, keys: Sequence[RSAKey], pairs: int) -> Round:
    """The launches of one round, with the platform going through these keys meanwhile.

    It keeps the key before the newest published, as platforms do; a launch that is signed with a
    key is sent when that key is published.
    """
    published, lock = [0], threading.Lock()

    def publish(number: int) -> None:
        wanted = number * len(keys) // (pairs + CLIENTS)
        with lock:
            if wanted > published[0]:
                published[0] = wanted
                platform.publish(keys[wanted - 1 : wanted + 1])

    platform.publish(keys[:1])
    return run_round(server.port, keys, pairs, before_launch=publish, may_refuse=True)


# --- calls and memory -------------------------------------------------------------------------


def measure_calls(findings: Findings) -> None:
    """Tokens and private keys, in processes that begin at the same moment."""
    platform = Platform(_make_keys(1))
    with tempfile.TemporaryDirectory() as name, serving(platform):
        token_url = f"{platform.address}/ours/{FAR_MS}/token"
        keyset_url = platform.keyset_url("ours", NEAR_MS)
        registration_id = prepare_ours(9, keyset_url, Path(name), token_url)
        program, begins_at = str(Path(__file__).with_name("launch_calls.py")), time.time() + 6
        command = [sys.executable, program, "9", name, registration_id, str(begins_at)]
        processes = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
        ]
        counted = [json.loads(process.communicate()[0]) for process in processes]
    most = max(platform.tokens.values())
    calls = sum(each["calls"] for each in counted)
    findings.note(
        f"tokens a registration and scopes, {calls} calls of {PROCESSES} processes",
        str(most),
        "<= 1",
        most <= 1,
    )
    parsed = max(each["parsed"] for each in counted)
    findings.note("private keys parsed a process", str(parsed), "<= 1", parsed <= 1)
    signs = [each["sign_ms"] for each in counted]
    findings.note("   a signature, ms", _spread(signs, ".2f"))


def measure_memory(findings: Findings, keys: Sequence[RSAKey], launches: int) -> None:
    """What the processes hold as launches go by."""
    platform = Platform(keys)
    with ExitStack() as stack:
        server = _start_ours(stack, platform, NEAR_MS)
        run_round(server.port, keys, MEMORY_CHUNK)
        first = read_memory_mib(server.pid)
        findings.note(f"memory of a process, MiB, after {MEMORY_CHUNK:,} launches", first.text)
        done = MEMORY_CHUNK
        for mark in sorted({launches // 10, launches // 2, launches}):
            while done < mark:
                count = min(MEMORY_CHUNK, mark - done)
                run_round(server.port, keys, count, first=done % MEMORY_PEOPLE)
                done += count
            held = read_memory_mib(server.pid)
            findings.note(f"memory of a process, MiB, after {done:,} launches", held.text)
        grown = (held.most - first.most) * 1024 / max(1, done - MEMORY_CHUNK)
        findings.note("   more for a launch, KiB", f"{grown:.3f}")


def _start_ours(stack: ExitStack, platform: Platform, delay_ms: int) -> Server:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    stack.enter_context(serving(platform))
    return stack.enter_context(running("ours", delay_ms, platform, folder))


def _make_keys(count: int) -> list[RSAKey]:
    return [RSAKey.generate_key(2048, {"kid": f"bench-{number}"}) for number in range(count)]


def _spread(values: Sequence[float], form: str) -> str:
    middle = statistics.median(values)
    return f"{middle:{form}} [{min(values):{form}}-{max(values):{form}}]"


if __name__ == "__main__":
    sys.exit(main())
