"""API keys: issue, check, deactivate, rotate, delete. Only a hash of each is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from mentorai.core.audit import Audit
from mentorai.core.clock import now
from mentorai.core.database import Database
from mentorai.core.errors import Conflict, InputRejected, MentorAIError, NotFound
from mentorai.core.key_checks import KeyChecks, Listener
from mentorai.core.key_peppers import Peppers
from mentorai.core.key_policies import KeyPolicies, KeyPolicy
from mentorai.core.key_reminders import find_reminded
from mentorai.core.key_rows import ApiKey, CheckedKey, Kind, api_keys, read_key
from mentorai.core.key_rules import KeyRequest, check_request, fold_name
from mentorai.core.key_text import digest_key, make_key, number_of
from mentorai.core.mentors import mentors
from mentorai.core.pepper_rows import PepperRows
from mentorai.core.scopes import SCOPES, TEMPLATES
from mentorai.core.settings import Settings

__all__ = ["SCOPES", "TEMPLATES", "ApiKey", "CheckedKey", "IssuedKey", "Keys"]

OVERLAPS: Mapping[int, str] = {0: "not at all", 3600: "1 hour", 86400: "24 hours", 604800: "7 days"}
"""How long a rotated key may go on working: seconds, and in words."""


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key just made, with the one sight of its text."""

    key: ApiKey
    text: str

    def __repr__(self) -> str:
        return f"IssuedKey({self.key.hint})"


class Keys:
    """The keys of every mentor and organization."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._audit = Audit(database)
        self._peppers = Peppers(settings.key_peppers.get_secret_value())
        self._checks = KeyChecks(database, self._peppers)
        self.pepper_rows = PepperRows(database, self._peppers)
        self.policies = KeyPolicies(database, settings)
        self.uses = self._checks.uses

    def issue(
        self,
        organization_id: str,
        mentor_id: str | None,
        *,
        name: str,
        scopes: Sequence[str],
        expires_at: datetime | None,
        author: str,
        kind: Kind = "mentor",
        once: str | None = None,
        **more: Any,
    ) -> IssuedKey:
        """Make a key; its text is in the answer and nowhere else.

        mentor_id: the mentor it is bound to; None for the kind "provisioning".
        expires_at: None means the usual number of days.
        once: names the form that asked; the same form again is Conflict.
        more: never, allowed_ips, rate_limit, monthly_quota, as KeyRequest has them.
        Raises InputRejected (by field), NotFound (no such mentor), Conflict.
        """
        request = KeyRequest(name=name, scopes=scopes, expires_at=expires_at, **more)
        asked = check_request(self.policies.get(organization_id), kind, request)
        row, text = self._make_row(organization_id, mentor_id, kind, asked, author)
        row["once"] = once or None
        try:
            with self._database.write() as connection:
                self._check_binding(connection, organization_id, mentor_id, kind)
                connection.execute(insert(api_keys).values(row))
                self._note(connection, row, "key_issued", author)
        except IntegrityError as error:
            raise self._explain_clash(row) from error
        return IssuedKey(self.get(organization_id, mentor_id, row["id"]), text)

    def rotate(
        self,
        organization_id: str,
        mentor_id: str | None,
        key_id: str,
        *,
        overlap_seconds: int,
        author: str,
    ) -> IssuedKey:
        """Make a key with the same settings and as long a life, in the place of this one.

        overlap_seconds: how long the old one goes on working (one of OVERLAPS), never past its
        own end; with 0 it is revoked at once.
        Raises NotFound; InputRejected (overlap_seconds, or what the policy no longer allows);
        Conflict for a key that has expired or was rotated before.
        """
        if overlap_seconds not in OVERLAPS:
            known = ", ".join(str(seconds) for seconds in OVERLAPS)
            raise InputRejected({"overlap_seconds": [f"One of {known}, please."]})
        policy = self.policies.get(organization_id)
        with self._database.write() as connection:
            old = _find(connection, organization_id, mentor_id, key_id, is_changed=True)
            asked = check_request(policy, old.kind, _ask_again(old, policy))
            row, text = self._make_row(organization_id, mentor_id, old.kind, asked, author)
            facts = {"replaced_by": row["id"], "name_taken": None, **_end(old, overlap_seconds)}
            connection.execute(update(api_keys).where(*_exactly(old)).values(facts))
            connection.execute(insert(api_keys).values(row))
            rotated = old._asdict() | facts
            self._note(connection, rotated, "key_rotated", author, replaced_by=row["id"])
            self._note(connection, row, "key_issued", author, replaces=old.id)
        self._database.when_kept(partial(self._checks.forget, old.id))
        return IssuedKey(self.get(organization_id, mentor_id, row["id"]), text)

    def list(self, organization_id: str, mentor_id: str | None) -> Sequence[ApiKey]:
        """The keys of one mentor (None: the organization's own), newest first; no deleted ones."""
        query = _select(organization_id, mentor_id)
        order = (api_keys.c.created_at.desc(), api_keys.c.id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(*order)).all()
        return [self._read(row) for row in rows]

    def get(self, organization_id: str, mentor_id: str | None, key_id: str) -> ApiKey:
        """One key. Raises NotFound, also for a deleted one."""
        with self._database.read() as connection:
            return self._read(_find(connection, organization_id, mentor_id, key_id))

    def find(self, organization_id: str, key_id: str) -> ApiKey:
        """A key of the organization, of whatever mentor. Raises NotFound."""
        query = select(api_keys).where(
            api_keys.c.organization_id == organization_id,
            api_keys.c.id == key_id,
            api_keys.c.revoked_at.is_(None),
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFound("There is no such key.")
        return self._read(row)

    def deactivate(
        self, organization_id: str, mentor_id: str | None, key_id: str, author: str
    ) -> ApiKey:
        """Stop a key for now. Raises NotFound."""
        return self._change(
            (organization_id, mentor_id, key_id), "key_deactivated", author, {"disabled_at": now()}
        )

    def activate(
        self, organization_id: str, mentor_id: str | None, key_id: str, author: str
    ) -> ApiKey:
        """Let a deactivated key work again. Raises NotFound."""
        return self._change(
            (organization_id, mentor_id, key_id), "key_activated", author, {"disabled_at": None}
        )

    def delete(
        self, organization_id: str, mentor_id: str | None, key_id: str, author: str
    ) -> ApiKey:
        """End a key for good; what is left is a row for the audit. Raises NotFound."""
        return self._change(
            (organization_id, mentor_id, key_id),
            "key_deleted",
            author,
            {"revoked_at": now(), "name_taken": None},
        )

    def check(
        self,
        text: str | None,
        *,
        scope: str | None,
        address: str,
        route: str = "",
        **told: Listener,
    ) -> CheckedKey:
        """The key behind `text`, if it is alive and has `scope` (see KeyChecks.check)."""
        return self._checks.check(text, scope=scope, address=address, route=route, **told)

    def flush(self) -> None:
        """Write the uses that are still in memory."""
        self.uses.flush()

    def _read(self, row: Row[Any]) -> ApiKey:
        return read_key(row, self.uses.find_last(row.id))

    def _change(
        self, which: tuple[str, str | None, str], action: str, author: str, facts: Mapping[str, Any]
    ) -> ApiKey:
        with self._database.write() as connection:
            row = _find(connection, *which, is_changed=True)
            if _differs(row, facts):
                connection.execute(update(api_keys).where(*_exactly(row)).values(dict(facts)))
                self._note(connection, row._asdict(), action, author)
            changed = connection.execute(select(api_keys).where(*_exactly(row))).one()
        self._checks.forget(row.id)
        return self._read(changed)

    def _note(
        self,
        connection: Connection,
        row: Mapping[str, Any],
        action: str,
        author: str,
        **more: str,
    ) -> None:
        expires_at = row["expires_at"]
        self._audit.write(
            connection,
            organization_id=row["organization_id"],
            mentor_id=row["mentor_id"],
            actor=author,
            action=action,
            subject=row["id"],
            facts={
                "name": row["name"],
                "kind": row["kind"],
                "scopes": row["scopes"].split(),
                "expires_at": expires_at.isoformat() if expires_at else None,
                "allowed_ips": row["allowed_ips"].split(),
                **more,
            },
        )

    def _make_row(
        self,
        organization_id: str,
        mentor_id: str | None,
        kind: Kind,
        asked: KeyRequest,
        author: str,
    ) -> tuple[dict[str, Any], str]:
        """A new key's row, and its text."""
        key_id, text = make_key()
        moment = now()
        row = {
            "number": number_of(key_id),
            "id": key_id,
            "organization_id": organization_id,
            "mentor_id": mentor_id,
            "kind": kind,
            "name": asked.name,
            "bound_to": mentor_id or organization_id,
            "name_taken": fold_name(asked.name),
            "digest": self._peppers.keep(digest_key(text)),
            "last_four": text[-4:],
            "scopes": " ".join(asked.scopes),
            "author": author,
            "created_at": moment,
            "expires_at": asked.expires_at,
            "allowed_ips": " ".join(asked.allowed_ips),
            "rate_limit": asked.rate_limit,
            "monthly_quota": asked.monthly_quota,
            "reminded_days": find_reminded(moment, asked.expires_at),
        }
        return row, text

    def _check_binding(
        self, connection: Connection, organization_id: str, mentor_id: str | None, kind: Kind
    ) -> None:
        if (mentor_id is None) != (kind == "provisioning"):
            raise ValueError("a mentor key names its mentor, a provisioning key names none")
        if mentor_id is None:
            return
        query = select(mentors.c.id).where(
            mentors.c.organization_id == organization_id, mentors.c.id == mentor_id
        )
        if connection.execute(query).first() is None:
            raise NotFound("There is no such mentor.")

    def _explain_clash(self, row: Mapping[str, Any]) -> MentorAIError:
        same_form = select(api_keys.c.id).where(
            api_keys.c.organization_id == row["organization_id"],
            api_keys.c.bound_to == row["bound_to"],
            api_keys.c.once == (row["once"] or ""),
        )
        with self._database.read() as connection:
            is_repeated = connection.execute(same_form).first() is not None
        if is_repeated:
            return Conflict("This form was sent already; the key it made is in the list.")
        return InputRejected({"name": ["There is a key with this name already."]})


def _select(organization_id: str, mentor_id: str | None) -> Select[Any]:
    return select(api_keys).where(
        api_keys.c.organization_id == organization_id,
        api_keys.c.bound_to == (mentor_id or organization_id),
        api_keys.c.revoked_at.is_(None),
    )


def _find(
    connection: Connection,
    organization_id: str,
    mentor_id: str | None,
    key_id: str,
    *,
    is_changed: bool = False,
) -> Row[Any]:
    query = _select(organization_id, mentor_id).where(api_keys.c.id == key_id)
    row = connection.execute(query.with_for_update() if is_changed else query).first()
    if row is None:
        raise NotFound("There is no such key.")
    return row


def _exactly(row: Row[Any]) -> tuple[ColumnElement[bool], ...]:
    return api_keys.c.organization_id == row.organization_id, api_keys.c.id == row.id


def _ask_again(old: Row[Any], policy: KeyPolicy) -> KeyRequest:
    """The settings of a key for the one that takes its place. Raises Conflict."""
    moment = now()
    if old.replaced_by is not None:
        raise Conflict("This key was rotated already.")
    if old.expires_at is not None and old.expires_at <= moment:
        raise Conflict("This key has expired; make a new one with its settings instead.")
    never = old.expires_at is None and policy.may_never_expire
    expires_at = None
    if old.expires_at is not None:
        life = old.expires_at - old.created_at
        expires_at = moment + min(life, timedelta(days=policy.max_days))
    return KeyRequest(
        name=old.name,
        scopes=old.scopes.split(),
        expires_at=expires_at,
        never=never,
        allowed_ips=old.allowed_ips.split(),
        rate_limit=old.rate_limit,
        monthly_quota=old.monthly_quota,
    )


def _end(old: Row[Any], overlap_seconds: int) -> dict[str, datetime]:
    moment = now()
    if not overlap_seconds:
        return {"revoked_at": moment}
    end = moment + timedelta(seconds=overlap_seconds)
    return {"expires_at": min(end, old.expires_at or end)}


def _differs(row: Row[Any], facts: Mapping[str, Any]) -> bool:
    # "Deactivate" sent twice is one event, at the time of the first.
    return any((row._mapping[name] is None) != (value is None) for name, value in facts.items())
