"""Tables of old ids, as IT brings them: CSV, all of it taken or none.

People: `user_id`, and whose it is: `person_id` of ours, or `registration_id` and `sub` of a
registration here. Places: `resource_link_id`, `mentor` (id or short name) and, where the place
was for one, `quiz`.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.values import MentorRef
from mentorai.lti.consumer_keys import ConsumerKey

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mentorai.core.engine import Engine

ROWS = 500_000
ID_LENGTH = 255
FAULTS = 20
Rows = Iterable[tuple[int, Mapping[str, str]]]


def import_people(engine: "Engine", key: ConsumerKey, lines: Iterable[str]) -> int:
    """Say whose the old user ids are; how many there were.

    Raises InputRejected that names the lines which cannot be taken.
    """

    def take(connection: "Connection", row: Mapping[str, str]) -> None:
        former = _get_id(row, "user_id")
        person_id = _find_person(engine, connection, key.organization_id, row)
        known = engine.people.find_identity(connection, key.organization_id, key.authority, former)
        if known is not None and known.id != person_id:
            raise ValueError("this user_id is another person's already")
        engine.people.put_identity(
            connection, key.organization_id, key.authority, former, person_id
        )

    return _take_all(engine, read_table(lines, "user_id"), take)


def import_places(engine: "Engine", key: ConsumerKey, lines: Iterable[str]) -> int:
    """Say who answers in the places that the old connection knew; how many there were.

    Raises InputRejected that names the lines which cannot be taken.
    """

    def take(connection: "Connection", row: Mapping[str, str]) -> None:
        former = _get_id(row, "resource_link_id")
        mentor = engine.mentors.get(key.organization_id, _get_id(row, "mentor"))
        quiz = row.get("quiz") or None
        if quiz:
            engine.quizzes.get(key.organization_id, mentor.id, quiz)
        engine.course_copies.put_former_place(
            connection, key.organization_id, key.authority, former, MentorRef(mentor.id, quiz)
        )

    return _take_all(engine, read_table(lines, "resource_link_id"), take)


def read_table(lines: Iterable[str], required: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a CSV with a heading, each with the number of its line. Raises InputRejected."""
    reader = csv.DictReader(lines, skipinitialspace=True, strict=True)
    try:
        if required not in (reader.fieldnames or ()):
            raise InputRejected({"file": [f"The first line must name the columns: {required} ..."]})
        for count, row in enumerate(reader):
            if count >= ROWS:
                raise InputRejected({"file": [f"At most {ROWS} lines at once, please."]})
            yield reader.line_num, {k: (v or "").strip() for k, v in row.items() if k}
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputRejected({"file": [f"Line {reader.line_num} is no CSV in UTF-8."]}) from error


def _take_all(
    engine: "Engine", rows: Rows, take: Callable[["Connection", Mapping[str, str]], None]
) -> int:
    count, faults = 0, []
    with engine.database.write() as connection:
        for line, row in rows:
            count += 1
            try:
                take(connection, row)
            except NotFound as error:
                faults.append(f"Line {line}: {error.message}")
            except ValueError as error:
                faults.append(f"Line {line}: {error}.")
            if len(faults) >= FAULTS:
                break
        if faults:
            # Leaving the block by an error takes every line back.
            raise InputRejected({"file": faults})
    return count


def _find_person(
    engine: "Engine", connection: "Connection", organization_id: str, row: Mapping[str, str]
) -> str:
    if row.get("person_id"):
        return row["person_id"]
    authority = f"lti:{_get_id(row, 'registration_id')}"
    sub = _get_id(row, "sub")
    found = engine.people.find_identity(connection, organization_id, authority, sub)
    if found is None:
        raise ValueError("nobody came from this registration under this sub")
    return found.id


def _get_id(row: Mapping[str, str], name: str) -> str:
    found = row.get(name, "")
    if not 0 < len(found) <= ID_LENGTH or not found.isprintable():
        raise ValueError(f"{name} is missing or cannot be an id")
    return found
