"""Mentors by sheets: a semester's mentors made or changed at once, each known by its slug."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from mentorai.core.audit import Audit
from mentorai.core.bulk import BulkReport, Planned, RowChange, Rows, Seen, apply_rows, refuse
from mentorai.core.database import Database
from mentorai.core.errors import InputRejected
from mentorai.core.mentors import (
    DEFAULT_PROMPT,
    NAME_LENGTH,
    PROMPT_LENGTH,
    add_mentor,
    change_mentor,
    check_facts,
    judge_slug,
    mentors,
    select_mentors,
)
from mentorai.core.sheets import Column, SheetRow

COLUMNS = (
    Column("slug", 64, is_needed=True),
    Column("display_name", NAME_LENGTH),
    Column("description", PROMPT_LENGTH, is_prose=True),
    Column("system_prompt", PROMPT_LENGTH, is_prose=True),
    Column("proactive_prompt", PROMPT_LENGTH, is_prose=True),
)


class MentorSheet:
    """Rows of mentors of one organization. What a row leaves empty stays as it is."""

    def __init__(self, organization_id: str, author: str) -> None:
        self._organization_id = organization_id
        self._author = author
        self._seen = Seen()

    def plan(self, connection: Connection, rows: Sequence[SheetRow]) -> list[SheetRow | Planned]:
        """For each row what is to be done, or the row with what is wrong with it."""
        # What is wrong already may be no text that a database takes.
        slugs = {row.cells.get("slug", "") for row in rows if not row.problems}
        query = select_mentors().where(
            mentors.c.organization_id == self._organization_id, mentors.c.slug.in_(slugs)
        )
        known = {row.slug: row for row in connection.execute(query)}
        return [self._compare(row, known) for row in rows]

    def write(self, connection: Connection, planned: Sequence[Planned]) -> None:
        """Make and change what the rows ask for."""
        for one in planned:
            if one.change.action == "created":
                facts = {"system_prompt": DEFAULT_PROMPT} | one.facts | {"author": self._author}
                add_mentor(connection, self._organization_id, facts)
            elif one.change.action == "changed":
                facts, mentor_id = one.facts
                change_mentor(
                    connection, self._organization_id, mentor_id, facts, author=self._author
                )

    def _compare(self, row: SheetRow, known: Mapping[str, Row[Any]]) -> SheetRow | Planned:
        if row.problems:
            return row
        slug = row.cells["slug"]
        found = known.get(slug)
        facts = {n: value for n, value in row.cells.items() if value and n != "slug"}
        problem = self._judge(row, facts, is_new=found is None)
        if problem is not None:
            return refuse(row, *problem)
        key = {"mentor": slug}
        if found is None:
            told = {name: ("", value) for name, value in facts.items()}
            return Planned(RowChange(row.line, "created", key, told), facts | {"slug": slug})
        told = {n: (getattr(found, n), v) for n, v in facts.items() if getattr(found, n) != v}
        change = RowChange(row.line, "changed" if told else "unchanged", key, told)
        return Planned(change, (facts, found.id))

    def _judge(
        self, row: SheetRow, facts: dict[str, str], *, is_new: bool
    ) -> tuple[str, str] | None:
        slug = row.cells["slug"]
        fault = judge_slug(slug)
        if fault:
            return "slug", fault
        earlier = self._seen.find_earlier(row.line, slug)
        if earlier is not None:
            return "", f"This names the same mentor as line {earlier}."
        if is_new and "display_name" not in facts:
            return "display_name", "A new mentor needs a name."
        try:
            check_facts(dict(facts))
        except InputRejected as error:
            name, sentences = next(iter(error.errors.items()))
            return name, sentences[0]
        return None


def apply_mentors(
    database: Database,
    organization_id: str,
    rows: Rows,
    *,
    author: str,
    dry_run: bool = False,
    atomic: bool = True,
) -> BulkReport:
    """Make and change the mentors that the rows name; the same rows again change nothing.

    rows: of COLUMNS; begins to read anew each time it is called. Raises InputRejected (see
    bulk.apply_rows).
    """

    def note(connection: Connection, report: BulkReport) -> None:
        Audit(database).write(
            connection,
            organization_id=organization_id,
            actor=author,
            action="mentors_applied",
            subject=organization_id,
            facts=report.counts,
        )

    return apply_rows(
        database,
        organization_id,
        lambda: MentorSheet(organization_id, author),
        rows,
        dry_run=dry_run,
        atomic=atomic,
        note=note,
    )
