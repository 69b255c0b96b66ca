"""Which peppers API keys of this database were kept under, and which keys still need which."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    Row,
    Select,
    String,
    Table,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.audit import Audit
from mentorai.core.clock import now
from mentorai.core.database import Database, metadata
from mentorai.core.errors import ConfigurationError
from mentorai.core.key_peppers import BARE, Pepper, Peppers
from mentorai.core.key_rows import api_keys

SETTING = "MENTORAI_KEY_PEPPERS (key_peppers in the settings file)"
BATCH = 1_000
BARE_TAG = "sha256$"

key_peppers = Table(
    "key_peppers",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    # Tells whether a secret is the one that keys were kept under.
    Column("proof", String(64), nullable=False),
)


class PepperRows:
    """What the keys of one database say of peppers."""

    def __init__(self, database: Database, peppers: Peppers) -> None:
        self._database = database
        self._audit = Audit(database)
        self.peppers = peppers

    def check(self) -> None:
        """Note each pepper that is new here.

        Raises ConfigurationError if one is not the secret that keys were kept under, or is
        missing though living keys need it.
        """
        self._note_new()
        proofs = self._find_proofs()
        for pepper in self.peppers.known:
            if proofs[pepper.version] != pepper.proof:
                raise _wrong(pepper)
        there = {pepper.version for pepper in self.peppers.known} | self.peppers.refused
        missing = {v: n for v, n in self._count(proofs.keys() - there).items() if n}
        if missing:
            raise _missing(missing)

    def count(self) -> Mapping[int, int]:
        """How many living keys are kept under each version; 0: under none."""
        return self._count({BARE, *self._find_proofs()})

    def cover(self, author: str) -> int:
        """Put each key that is kept without a pepper under the newest; how many those were.

        Raises ConfigurationError when there is no pepper.
        """
        pepper = self.peppers.newest
        if pepper is None:
            raise ConfigurationError(f"{SETTING}: there is no pepper yet.")
        rows, covered = self._find_bare(-1), 0
        while rows:
            covered += self._cover_some(rows, pepper, author)
            rows = self._find_bare(rows[-1].number)
        return covered

    def _note_new(self) -> None:
        noted = self._find_proofs()
        for pepper in self.peppers.known:
            if pepper.version not in noted:
                facts = {"version": pepper.version, "proof": pepper.proof}
                # Of two first starts at once, one is there first, and both are judged by it.
                with suppress(IntegrityError), self._database.write() as connection:
                    connection.execute(insert(key_peppers).values(facts))

    def _find_proofs(self) -> dict[int, str]:
        with self._database.read() as connection:
            rows = connection.execute(select(key_peppers.c.version, key_peppers.c.proof)).all()
        return {row.version: row.proof for row in rows}

    def _count(self, versions: Iterable[int]) -> dict[int, int]:
        counts = {}
        with self._database.read() as connection:
            for version in sorted(versions):
                query = select(func.count()).where(_is_under(version), *_is_alive())
                counts[version] = connection.execute(query).scalar_one()
        return counts

    def _find_bare(self, after: int) -> Sequence[Row[Any]]:
        query: Select[Any] = (
            select(api_keys.c.number, api_keys.c.organization_id, api_keys.c.digest)
            .where(api_keys.c.number > after, _is_under(BARE))
            .order_by(api_keys.c.number)
            .limit(BATCH)
        )
        with self._database.read() as connection:
            return connection.execute(query).all()

    def _cover_some(self, rows: Sequence[Row[Any]], pepper: Pepper, author: str) -> int:
        statement = (
            update(api_keys)
            .where(api_keys.c.number == bindparam("which"))
            .values(digest=bindparam("kept"))
        )
        covers = [{"which": row.number, "kept": pepper.cover(row.digest)} for row in rows]
        with self._database.write() as connection:
            connection.execute(statement, covers)
            for organization_id in sorted({row.organization_id for row in rows}):
                self._audit.write(
                    connection,
                    organization_id=organization_id,
                    actor=author,
                    action="key_peppered",
                    subject=str(pepper.version),
                    facts={"keys": sum(row.organization_id == organization_id for row in rows)},
                )
        return len(rows)


def _is_under(version: int) -> ColumnElement[bool]:
    tag = BARE_TAG if version == BARE else Pepper(version, b"").tag
    return func.substr(api_keys.c.digest, 1, len(tag)) == tag


def _is_alive() -> tuple[ColumnElement[bool], ...]:
    ends = api_keys.c.expires_at
    return api_keys.c.revoked_at.is_(None), or_(ends.is_(None), ends > now())


def _wrong(pepper: Pepper) -> ConfigurationError:
    return ConfigurationError(
        f"{SETTING}: version {pepper.version} is not the secret that API keys were kept under. "
        "Put that one back, and give a new one a version of its own."
    )


def _missing(counts: Mapping[int, int]) -> ConfigurationError:
    needs = ", ".join(
        f"{count:,} API key{' needs' if count == 1 else 's need'} version {version}"
        for version, count in counts.items()
    )
    first = min(counts)
    return ConfigurationError(
        f"{SETTING}: {needs}, which is not there. Put it back; if it is lost, write "
        f"{first}:refused, and rotate those keys."
    )
