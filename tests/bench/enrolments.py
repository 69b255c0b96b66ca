"""What a sheet of enrolments costs: rows a second and memory, foretold, applied, applied again.

Each size runs in a process of its own, on SQLite in a folder of its own or on PostgreSQL, through
`Enrolments.apply` from a CSV file on disk. Memory is the most that the process held (ru_maxrss)
less what it held before the first row. The limit that it is compared with writes the same persons,
identities and enrolments with executemany, in one transaction, and looks at nothing.

    python tests/bench/enrolments.py [--rows 10000 100000] [--database-url postgresql+psycopg://...]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.enrolment_rows import COLUMNS, campus_enrolments
from mentorai.core.identifiers import new_id
from mentorai.core.people import identities, people
from mentorai.core.settings import Settings
from mentorai.core.sheets import read_csv

MENTORS = 40


def write_sheet(path: Path, rows: int) -> None:
    """A sheet of as many persons, spread over the mentors."""
    with path.open("w", encoding="utf-8") as file:
        file.write("mentor,user,section,role,name,email\n")
        for n in range(rows):
            mentor = n % MENTORS
            file.write(f"m-{mentor},s{n},S-{mentor},learner,Person {n},s{n}@example.edu\n")


def memory_mib() -> float:
    """The most that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: Path, rows: int, database_url: str) -> None:
    """One size: print a line for each thing that is done with the sheet."""
    settings = Settings(data_dir=folder, database_url=database_url, log_level="error")
    engine = Engine.open(settings, plugins=[])
    # A tenant of its own, so that a database that holds some already tells the same.
    organization_id = engine.organizations.put(f"bench-{new_id()}", "Bench").id
    ids = [engine.mentors.add(organization_id, f"M {n}", slug=f"m-{n}").id for n in range(MENTORS)]
    path = folder / "people.csv"
    write_sheet(path, rows)
    before = memory_mib()
    for name, dry_run in (("dry run", True), ("apply", False), ("apply again", False)):
        started = time.perf_counter()
        with path.open("rb") as stream:
            report = engine.enrolments.apply(
                organization_id,
                None,
                lambda stream=stream: (stream.seek(0), read_csv(stream, COLUMNS))[1],
                platforms=frozenset(),
                author="bench",
                dry_run=dry_run,
            )
        seconds = time.perf_counter() - started
        grown = memory_mib() - before
        print(f"{rows:>7} {name:<12} {rows / seconds:>8.0f} rows/s  {grown:>6.1f} MiB more")
        assert report.refused == 0
    seconds = write_floor(engine, ids[0], organization_id, rows)
    print(f"{rows:>7} {'limit':<12} {rows / seconds:>8.0f} rows/s")
    engine.close()


def write_floor(engine: Engine, mentor_id: str, organization_id: str, rows: int) -> float:
    """Seconds to write as many new persons, identities and enrolments and do nothing else."""
    moment, place = now(), {"organization_id": organization_id}
    started = time.perf_counter()
    with engine.database.write() as connection:
        for begin in range(0, rows, 500):
            some = [(new_id(), new_id(), n) for n in range(begin, min(begin + 500, rows))]
            connection.execute(
                insert(people),
                [
                    {"id": p, "name": "P", "email": None, "created_at": moment, **place}
                    for p, _, _ in some
                ],
            )
            connection.execute(
                insert(identities),
                [
                    {"id": i, "person_id": p, "authority": "limit", "subject": f"s{n}", **place}
                    for p, i, n in some
                ],
            )
            facts = {
                "mentor_id": mentor_id,
                "section": "S",
                "role": "learner",
                "name": "",
                "email": "",
                "created_at": moment,
                "updated_at": moment,
                **place,
            }
            connection.execute(
                insert(campus_enrolments),
                [{"id": new_id(), "identity_id": i, **facts} for _, i, _ in some],
            )
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--database-url", default="")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), asked.one, asked.database_url)
        return
    for rows in asked.rows:
        command = [sys.executable, __file__, "--one", str(rows)]
        subprocess.run([*command, "--database-url", asked.database_url], check=True)


if __name__ == "__main__":
    main()
