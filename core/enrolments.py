"""Enrolments by the campus's own lists: who is to work with which mentor, in which section."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select

from mentorai.core.audit import Audit
from mentorai.core.bulk import BulkReport, Rows, apply_rows
from mentorai.core.database import Database, is_after
from mentorai.core.enrolment_rows import (
    CAMPUS,
    COLUMNS,
    Enrolment,
    EnrolmentSheet,
    campus_enrolments,
    read_enrolment,
    select_enrolments,
)
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.identifiers import is_id
from mentorai.core.people import identities
from mentorai.core.sheets import SheetRow, check_row


class Enrolments:
    """The enrolments of every organization; each call names the one it means.

    Where a mentor_id is None, those of all mentors of the organization are meant.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._audit = Audit(database)

    def apply(
        self,
        organization_id: str,
        mentor_id: str | None,
        rows: Rows,
        *,
        platforms: frozenset[str],
        author: str,
        dry_run: bool = False,
        atomic: bool = True,
    ) -> BulkReport:
        """Bring the enrolments to what the rows say; what no row names stays as it is.

        The same rows again change nothing. rows: of `enrolment_rows.COLUMNS`; begins to read anew
        each time it is called. platforms: the ids of the registrations that rows may name.
        Raises InputRejected (see bulk.apply_rows).
        """

        def note(connection: Connection, report: BulkReport) -> None:
            self._note(
                connection, organization_id, mentor_id, author, "enrolments_applied", report.counts
            )

        return apply_rows(
            self._database,
            organization_id,
            lambda: EnrolmentSheet(organization_id, mentor_id, platforms),
            rows,
            dry_run=dry_run,
            atomic=atomic,
            note=note,
        )

    def put(
        self,
        organization_id: str,
        mentor_id: str,
        cells: Mapping[str, str],
        *,
        platforms: frozenset[str],
        author: str,
    ) -> tuple[Enrolment, bool]:
        """The enrolment that `cells` (by column) describe, made or changed; whether it is new.

        Raises InputRejected with what is wrong with each field.
        """
        row = check_row(1, cells, COLUMNS, {})
        try:
            report = self.apply(
                organization_id, mentor_id, lambda: [row], platforms=platforms, author=author
            )
        except InputRejected as error:
            raise InputRejected(
                {place.removeprefix("1."): told for place, told in error.errors.items()}
            ) from error
        return self._get_by_key(organization_id, mentor_id, row), bool(report.created)

    def get(self, organization_id: str, mentor_id: str | None, enrolment_id: str) -> Enrolment:
        """One enrolment. Raises NotFound."""
        query = select_enrolments(organization_id, mentor_id).where(
            campus_enrolments.c.id == enrolment_id
        )
        if not is_id(enrolment_id):
            raise NotFound("There is no such enrollment.")
        return self._read_one(query)

    def list(
        self,
        organization_id: str,
        mentor_id: str | None,
        *,
        after: tuple[datetime, str] | None = None,
        page: int = 1,
        page_size: int = 50,
        **wanted: Any,
    ) -> Sequence[Enrolment]:
        """One page of enrolments, the one that changed longest ago first.

        after: behind the one with this `updated_at` and id. Who goes on with the last one of each
            page misses none, whatever is changed or taken away meanwhile.
        wanted: user, section, role, since (aware); a None sets no limit.
        """
        query = _filter(select_enrolments(organization_id, mentor_id), **wanted)
        if after is not None:
            query = query.where(is_after(campus_enrolments, after))
        query = query.order_by(campus_enrolments.c.updated_at, campus_enrolments.c.id)
        query = query.limit(page_size).offset((page - 1) * page_size)
        with self._database.read() as connection:
            return [read_enrolment(row) for row in connection.execute(query)]

    def count(self, organization_id: str, mentor_id: str | None, **wanted: Any) -> int:
        """How many enrolments `list` has on all its pages."""
        query = _filter(select_enrolments(organization_id, mentor_id), **wanted)
        with self._database.read() as connection:
            counted = select(func.count()).select_from(query.subquery())
            return int(connection.execute(counted).scalar_one())

    def remove(
        self, organization_id: str, mentor_id: str | None, enrolment_id: str, author: str
    ) -> None:
        """Take one enrolment away; the person and their work stay. Raises NotFound."""
        found = self.get(organization_id, mentor_id, enrolment_id)
        with self._database.write() as connection:
            connection.execute(
                delete(campus_enrolments).where(
                    campus_enrolments.c.organization_id == organization_id,
                    campus_enrolments.c.id == found.id,
                )
            )
            facts = {"enrolment": found.id, "role": found.role.value}
            self._note(
                connection, organization_id, found.mentor_id, author, "enrolment_removed", facts
            )

    def _get_by_key(self, organization_id: str, mentor_id: str, row: SheetRow) -> Enrolment:
        platform = row.cells["platform"]
        return self._read_one(
            select_enrolments(organization_id, mentor_id).where(
                identities.c.authority == (f"lti:{platform}" if platform else CAMPUS),
                identities.c.subject == row.cells["user"],
                campus_enrolments.c.section == row.cells["section"],
            )
        )

    def _read_one(self, query: Select[Any]) -> Enrolment:
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("There is no such enrollment.")
        return read_enrolment(row)

    def _note(
        self,
        connection: Connection,
        organization_id: str,
        mentor_id: str | None,
        author: str,
        action: str,
        facts: Mapping[str, Any],
    ) -> None:
        self._audit.write(
            connection,
            organization_id=organization_id,
            mentor_id=mentor_id,
            actor=author,
            action=action,
            subject=mentor_id or organization_id,
            facts=facts,
        )


def _filter(
    query: Select[Any],
    *,
    user: str | None = None,
    section: str | None = None,
    role: str | None = None,
    since: datetime | None = None,
) -> Select[Any]:
    exact = (
        (identities.c.subject, user),
        (campus_enrolments.c.section, section),
        (campus_enrolments.c.role, role),
    )
    for column, value in exact:
        if value is not None:
            query = query.where(column == value)
    return query if since is None else query.where(campus_enrolments.c.updated_at >= since)
