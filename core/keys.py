"""API keys: issue, check, deactivate, delete. Only a hash of each is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from mentorai.core.audit import Audit
from mentorai.core.clock import now
from mentorai.core.database import Database
from mentorai.core.errors import Conflict, InputRejected, MentorAIError, NotFound
from mentorai.core.key_checks import KeyChecks
from mentorai.core.key_rows import ApiKey, CheckedKey, Kind, api_keys, read_key
from mentorai.core.key_rules import check_request, fold_name
from mentorai.core.key_text import digest_key, make_key
from mentorai.core.mentors import mentors
from mentorai.core.scopes import SCOPES, TEMPLATES
from mentorai.core.settings import Settings

__all__ = ["SCOPES", "TEMPLATES", "ApiKey", "CheckedKey", "IssuedKey", "Keys"]


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
        self._settings = settings
        self._audit = Audit(database)
        self._checks = KeyChecks(database)

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
        never: bool = False,
    ) -> IssuedKey:
        """Make a key; its text is in the answer and nowhere else.

        mentor_id: the mentor it is bound to; None for the kind "provisioning".
        expires_at: None means the usual number of days. never: no expiry, if policy allows.
        once: names the form that asked; the same form again is Conflict.
        Raises InputRejected (name, scopes, expires_at), NotFound (no such mentor), Conflict.
        """
        asked = check_request(
            self._settings, kind=kind, name=name, scopes=scopes, expires_at=expires_at, never=never
        )
        key_id, text = make_key()
        row: dict[str, Any] = {
            "id": key_id,
            "organization_id": organization_id,
            "mentor_id": mentor_id,
            "kind": kind,
            "name": asked.name,
            "bound_to": mentor_id or organization_id,
            "name_taken": fold_name(asked.name),
            "digest": digest_key(text),
            "last_four": text[-4:],
            "scopes": " ".join(asked.scopes),
            "author": author,
            "once": once or None,
            "created_at": now(),
            "expires_at": asked.expires_at,
        }
        try:
            with self._database.write() as connection:
                self._check_binding(connection, organization_id, mentor_id, kind)
                connection.execute(insert(api_keys).values(row))
                self._note(connection, row, "key_issued", author)
        except IntegrityError as error:
            raise self._explain_clash(row) from error
        return IssuedKey(self.get(organization_id, mentor_id, key_id), text)

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

    def check(self, text: str | None, *, scope: str | None, address: str) -> CheckedKey:
        """The key behind `text`, if it is alive and has `scope` (None: any key will do).

        address: where the call came from, kept as the last use.
        Raises KeyMissing, KeyUnknown, KeyExpired, KeyInactive, KeyScopeTooSmall.
        """
        return self._checks.check(text, scope=scope, address=address)

    def flush(self) -> None:
        """Write the last uses that are still in memory."""
        self._checks.flush()

    def _read(self, row: Row[Any]) -> ApiKey:
        return read_key(row, self._checks.find_last_use(row.id))

    def _change(
        self, which: tuple[str, str | None, str], action: str, author: str, facts: Mapping[str, Any]
    ) -> ApiKey:
        with self._database.write() as connection:
            row = _find(connection, *which)
            if _differs(row, facts):
                connection.execute(
                    update(api_keys).where(api_keys.c.id == row.id).values(dict(facts))
                )
                self._note(connection, row._asdict(), action, author)
            changed = connection.execute(select(api_keys).where(api_keys.c.id == row.id)).one()
        self._checks.forget(row.id)
        return self._read(changed)

    def _note(
        self, connection: Connection, row: Mapping[str, Any], action: str, author: str
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
            },
        )

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
            api_keys.c.bound_to == row["bound_to"], api_keys.c.once == (row["once"] or "")
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
    connection: Connection, organization_id: str, mentor_id: str | None, key_id: str
) -> Row[Any]:
    query = _select(organization_id, mentor_id).where(api_keys.c.id == key_id)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound("There is no such key.")
    return row


def _differs(row: Row[Any], facts: Mapping[str, Any]) -> bool:
    # "Deactivate" sent twice is one event, at the time of the first.
    return any((row._mapping[name] is None) != (value is None) for name, value in facts.items())
