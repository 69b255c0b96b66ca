"""Codes that carry a page over to where it can be shown: a tab, or a frame without cookies.

A picker or a privacy page is held for one browser, by the hash of what that browser shows. When
the launch came without a cookie nobody can show it; who takes the code becomes the holder.
"""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import Table, update

from mentorai.core.clock import now
from mentorai.core.database import Database

LIFETIME = timedelta(seconds=120)


class PageHandoffs:
    """The codes of one kind of page.

    pages: its table, with id, binding_hash, handoff_hash, handoff_until and proof_hash.
    """

    def __init__(self, database: Database, pages: Table) -> None:
        self._database = database
        self._pages = pages

    def issue(self, page_id: str, proof_hash: str | None = None) -> str:
        """A code, good once and for two minutes, that moves the page.

        proof_hash: the SHA-256 of what the platform's storage keeps for this launch, if it does.
        """
        code = secrets.token_urlsafe(32)
        change = update(self._pages).where(self._pages.c.id == page_id)
        facts = {"handoff_hash": _hash(code), "handoff_until": now() + LIFETIME}
        with self._database.write() as connection:
            connection.execute(change.values(proof_hash=proof_hash, **facts))
        return code

    def take(self, code: str, binding: str, proof: str | None = None) -> str | None:
        """Move the page behind `code` to whoever shows `binding`; its id or None.

        proof: what must fit the code besides; a wrong one uses nothing up.
        """
        pages = self._pages
        fits = [pages.c.handoff_hash == _hash(code), pages.c.handoff_until > now()]
        if proof is not None:
            fits.append(pages.c.proof_hash == _hash(proof))
        change = (
            update(pages)
            .where(*fits)
            .values(handoff_hash=None, proof_hash=None, binding_hash=_hash(binding))
            .returning(pages.c.id)
        )
        with self._database.write() as connection:
            found: str | None = connection.execute(change).scalar()
        return found


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
