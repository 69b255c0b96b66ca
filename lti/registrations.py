"""Registrations: which platforms may launch, and by which rules.

A platform is found by (issuer, client id); many tenants of one LMS share an issuer.
What is found is remembered in the process for FRESH_SECONDS, so that a change made by another
process is seen everywhere within that time; a change made by this process is seen at once.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from mentorai.core.audit import Audit
from mentorai.core.clock import now
from mentorai.core.database import Database
from mentorai.core.errors import Conflict, InputRejected, NotFound, UnknownRegistration
from mentorai.core.identifiers import is_id, new_id
from mentorai.core.settings import Settings
from mentorai.lti.deployments import add_row, find_state, set_state
from mentorai.lti.origins import find_origin
from mentorai.lti.registration_rows import (
    ACCEPT,
    ACTIVE,
    DISABLED,
    HELD,
    HOLD,
    ID_LENGTH,
    PENDING,
    POLICIES,
    REFUSED,
    REJECT,
    Deployment,
    Registration,
    School,
    get_row,
    read_registration,
    read_registrations,
    registrations,
)
from mentorai.lti.registration_rules import (
    check_changes,
    check_facts,
    check_override,
    find_id_fault,
)
from mentorai.lti.roles import read_role_name

__all__ = [
    "ACCEPT",
    "ACTIVE",
    "DISABLED",
    "HELD",
    "HOLD",
    "ID_LENGTH",
    "PENDING",
    "POLICIES",
    "REFUSED",
    "REJECT",
    "Deployment",
    "Registration",
    "Registrations",
    "School",
    "registrations",
]

FRESH_SECONDS = 2.0


class Registrations:
    """The platforms of every organization.

    author: how the audit names who asked for a change.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._audit = Audit(database)
        self._seen: dict[tuple[str, str], tuple[float, Registration]] = {}
        self._names: dict[str, tuple[str, str]] = {}

    def add(
        self,
        organization_id: str,
        *,
        issuer: str,
        client_id: str,
        auth_url: str,
        token_url: str,
        keyset_url: str,
        deployment_ids: Sequence[str],
        token_audience: str = "",
        name: str = "",
        family: str = "",
        frame_origins: Sequence[str] = (),
        deployment_policy: str = REJECT,
        status: str = ACTIVE,
        author: str = "",
    ) -> Registration:
        """Register a platform.

        deployment_ids: may be empty if unknown ones are held or accepted.
        status: PENDING for one that campus IT has yet to approve.
        Raises InputRejected that names each wrong field; Conflict if issuer and client id are
        registered already.
        """
        facts: dict[str, Any] = {
            "issuer": issuer,
            "client_id": client_id,
            "auth_url": auth_url,
            "token_url": token_url,
            "keyset_url": keyset_url,
            "token_audience": token_audience,
            "name": name or find_origin(issuer) or "",
            "family": family,
            "frame_origins": list(frame_origins),
            "deployment_policy": deployment_policy,
        }
        check_facts(facts, deployment_ids, allow_loopback=self._settings.allow_loopback_platforms)
        moment, registration_id = now(), new_id()
        row = facts | {
            "id": registration_id,
            "organization_id": organization_id,
            "status": status,
            "role_overrides": {},
            "created_at": moment,
            "updated_at": moment,
        }
        try:
            with self._database.write() as connection:
                connection.execute(insert(registrations).values(row))
                for deployment_id in dict.fromkeys(deployment_ids):
                    add_row(connection, organization_id, registration_id, deployment_id)
                named = {name: facts[name] for name in ("issuer", "client_id")}
                place = (organization_id, registration_id)
                self._note(connection, *place, "registration_added", author, named)
        except IntegrityError as error:
            raise Conflict("This issuer and client id are registered already.") from error
        return self.get(organization_id, registration_id)

    def change(
        self, organization_id: str, registration_id: str, *, author: str = "", **facts: str
    ) -> Registration:
        """Mend what was entered of a platform; issuer and client id are what it is known by.

        facts: name, auth_url, token_url, keyset_url, token_audience; what is left out stays.
        Raises InputRejected, NotFound.
        """
        found = self.get(organization_id, registration_id)
        self.check_change(**facts)
        if "name" in facts:
            facts["name"] = facts["name"] or find_origin(found.issuer) or ""
        with self._database.write() as connection:
            row = get_row(connection, organization_id, registration_id, lock=True)
            self._change(connection, row, facts, "registration_changed", author)
        return self._read_again(organization_id, registration_id)

    def check_change(self, **facts: str) -> None:
        """Let facts pass that `change` would write. Raises InputRejected."""
        check_changes(facts, allow_loopback=self._settings.allow_loopback_platforms)

    def list(self, organization_id: str) -> Sequence[Registration]:
        """The platforms of one organization, oldest first."""
        query = _SELECT.where(registrations.c.organization_id == organization_id)
        with self._database.read() as connection:
            order = (registrations.c.created_at, registrations.c.id)
            rows = connection.execute(query.order_by(*order)).all()
            return read_registrations(connection, organization_id, rows)

    def get(self, organization_id: str, registration_id: str) -> Registration:
        """One platform. Raises NotFound."""
        with self._database.read() as connection:
            row = get_row(connection, organization_id, registration_id)
            return read_registration(connection, row)

    def find(self, issuer: str, client_id: str) -> Registration | None:
        """The platform with this issuer and client id, of whatever organization and status."""
        moment = time.monotonic()
        seen = self._seen.get((issuer, client_id))
        if seen and moment - seen[0] < FRESH_SECONDS:
            return seen[1]
        with self._database.read() as connection:
            row = connection.execute(_FIND, {"issuer": issuer, "client_id": client_id}).first()
            if row is None:
                self._seen.pop((issuer, client_id), None)
                return None
            found = read_registration(connection, row)
        # Only what exists is remembered: made-up names cannot fill the memory.
        self._seen[issuer, client_id] = (moment, found)
        return found

    def find_only(self, issuer: str) -> Registration | None:
        """The platform of an issuer when there is exactly one active; else None."""
        query = select(registrations.c.client_id).where(
            registrations.c.issuer == issuer, registrations.c.status == ACTIVE
        )
        with self._database.read() as connection:
            rows = connection.execute(query.limit(2)).all()
        return self.find(issuer, rows[0].client_id) if len(rows) == 1 else None

    def find_named(self, registration_id: str) -> Registration | None:
        """The platform with this id, of whatever organization and status: who logs in has none."""
        names = self._names.get(registration_id)
        if names is None and is_id(registration_id):
            query = select(registrations.c.issuer, registrations.c.client_id)
            with self._database.read() as connection:
                row = connection.execute(query.where(registrations.c.id == registration_id)).first()
            if row is not None:
                names = self._names[registration_id] = (row.issuer, row.client_id)
        found = self.find(*names) if names else None
        return found if found and found.id == registration_id else None

    def check(self, issuer: str, client_ids: Sequence[str]) -> Registration:
        """The active platform with this issuer and the first client id that is registered.

        Raises UnknownRegistration.
        """
        for client_id in client_ids:
            found = self.find(issuer, client_id)
            if found is not None and found.is_active:
                return found
            if found is not None and found.status == PENDING:
                raise UnknownRegistration("Launches from this LMS wait for approval by campus IT.")
            if found is not None:
                raise UnknownRegistration("Launches from this LMS are switched off here.")
        raise UnknownRegistration()

    def remove(self, organization_id: str, registration_id: str, author: str = "") -> None:
        """Take a platform away, with its deployments and access tokens. Raises NotFound."""
        with self._database.write() as connection:
            row = get_row(connection, organization_id, registration_id, lock=True)
            connection.execute(delete(registrations).where(registrations.c.id == row.id))
            named = {"issuer": row.issuer, "client_id": row.client_id}
            place = (organization_id, registration_id)
            self._note(connection, *place, "registration_removed", author, named)
        self.forget()

    def forget(self) -> None:
        """Read every platform anew: something about one has changed."""
        self._seen.clear()
        self._names.clear()

    def add_deployment(
        self, organization_id: str, registration_id: str, deployment_id: str, author: str = ""
    ) -> Registration:
        """Let one more deployment launch; one that may already changes nothing.

        Raises InputRejected, NotFound.
        """
        fault = find_id_fault(deployment_id)
        if fault:
            raise InputRejected({"deployment_id": [fault]})
        place = (organization_id, registration_id)
        with self._database.write() as connection:
            get_row(connection, *place, lock=True)
            state = find_state(connection, registration_id, deployment_id)
            if state is None:
                add_row(connection, *place, deployment_id)
            elif state != ACTIVE:
                set_state(connection, registration_id, deployment_id, ACTIVE)
            if state != ACTIVE:
                named = {"deployment_id": deployment_id}
                self._note(connection, *place, "deployment_added", author, named)
        return self._read_again(organization_id, registration_id)

    def disable(self, organization_id: str, registration_id: str, author: str = "") -> Registration:
        """Refuse launches of a platform from now on; nothing is lost. Raises NotFound."""
        return self._put_status(
            organization_id, registration_id, DISABLED, "registration_disabled", author
        )

    def enable(self, organization_id: str, registration_id: str, author: str = "") -> Registration:
        """Take launches of a platform again. Raises NotFound."""
        return self._put_status(
            organization_id, registration_id, ACTIVE, "registration_enabled", author
        )

    def approve(self, organization_id: str, registration_id: str, author: str = "") -> Registration:
        """Take launches of a platform that was pending. Raises NotFound."""
        return self._put_status(
            organization_id, registration_id, ACTIVE, "registration_approved", author
        )

    def put_policy(
        self, organization_id: str, registration_id: str, policy: str, author: str = ""
    ) -> Registration:
        """Say what happens to deployments that are not known yet; it decides on no known one.

        Raises InputRejected, NotFound.
        """
        if policy not in POLICIES:
            raise InputRejected({"deployment_policy": [f"One of {', '.join(POLICIES)}, please."]})
        facts = {"deployment_policy": policy}
        with self._database.write() as connection:
            row = get_row(connection, organization_id, registration_id, lock=True)
            self._change(connection, row, facts, "deployment_policy_put", author)
        return self._read_again(organization_id, registration_id)

    def put_override(
        self,
        organization_id: str,
        registration_id: str,
        name: str,
        role: str,
        *,
        beyond_course: bool = False,
        author: str = "",
    ) -> Registration:
        """Say what one of the platform's roles makes of a person here, in place of the usual.

        name: in any form that a platform may send. beyond_course: that the role is known to be
        none in a course, and its holders shall be staff where they have no role in the course.
        Raises InputRejected (name, role, beyond_course), NotFound.
        """
        full = read_role_name(name).text
        with self._database.write() as connection:
            row = get_row(connection, organization_id, registration_id, lock=True)
            known = row.role_overrides
            given = check_override(name, role, known=known, beyond_course=beyond_course)
            facts = {"role_overrides": {**known, full: given.value}}
            self._change(connection, row, facts, "role_override_put", author)
        return self._read_again(organization_id, registration_id)

    def drop_override(
        self, organization_id: str, registration_id: str, name: str, author: str = ""
    ) -> Registration:
        """Read one of the platform's roles as usual again. Raises NotFound."""
        full = read_role_name(name).text
        with self._database.write() as connection:
            row = get_row(connection, organization_id, registration_id, lock=True)
            left = {each: role for each, role in row.role_overrides.items() if each != full}
            if left == row.role_overrides:
                raise NotFound("Nothing is said of this role here.")
            facts = {"role_overrides": left}
            self._change(connection, row, facts, "role_override_dropped", author)
        return self._read_again(organization_id, registration_id)

    def _put_status(
        self, organization_id: str, registration_id: str, status: str, action: str, author: str
    ) -> Registration:
        with self._database.write() as connection:
            row = get_row(connection, organization_id, registration_id, lock=True)
            self._change(connection, row, {"status": status}, action, author)
        return self._read_again(organization_id, registration_id)

    def _change(
        self,
        connection: Connection,
        row: Row[Any],
        facts: Mapping[str, Any],
        action: str,
        author: str,
    ) -> None:
        """Change columns of a row, and note it with what they held; what changes nothing is not."""
        before = {name: getattr(row, name) for name in facts}
        if before == facts:
            return
        connection.execute(
            update(registrations)
            .where(registrations.c.id == row.id)
            .values(**facts, updated_at=now())
        )
        noted = {**facts, "before": before}
        self._note(connection, row.organization_id, row.id, action, author, noted)

    def _read_again(self, organization_id: str, registration_id: str) -> Registration:
        self.forget()
        return self.get(organization_id, registration_id)

    def _note(
        self,
        connection: Connection,
        organization_id: str,
        registration_id: str,
        action: str,
        author: str,
        facts: Mapping[str, Any],
    ) -> None:
        self._audit.write(
            connection,
            organization_id=organization_id,
            actor=author,
            action=action,
            subject=registration_id,
            facts=facts,
        )


_SELECT = select(registrations)
_FIND = _SELECT.where(
    registrations.c.issuer == bindparam("issuer"),
    registrations.c.client_id == bindparam("client_id"),
)
