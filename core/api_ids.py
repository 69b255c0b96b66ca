"""What an LMS's own API calls people, courses and columns that LTI knows by other ids.

Launches and rosters tell it; a plugin that calls the API looks it up.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Column, String, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from mentorai.core.database import metadata
from mentorai.core.row_locks import hold_registration, hold_rows

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

LTI_ID_LENGTH, API_ID_LENGTH = 255, 100
# What a process remembers of what it noted, so that a launch that says nothing new costs nothing.
REMEMBERED = 20_000
AT_ONCE = 500

api_ids = Table(
    "api_ids",
    metadata,
    # The database deletes the row with its registration, whose table is none of the core's.
    Column("registration_id", String(36), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("lti_id", String(LTI_ID_LENGTH), primary_key=True),
    Column("api_id", String(API_ID_LENGTH), nullable=False),
)


class ApiIds:
    """The ids of every registration. Made once: `engine.room(ApiIds)`.

    kind: a plugin's word for what the ids are of.
    """

    def __init__(self, engine: "Engine") -> None:
        self._database = engine.database
        self._noted: set[tuple[str, str, str, str]] = set()

    def note(self, registration_id: str, kind: str, ids: Mapping[str, str]) -> None:
        """Keep what the API calls these: id of LTI -> id of the API."""
        new = {
            lti_id: api_id
            for lti_id, api_id in ids.items()
            if len(lti_id) <= LTI_ID_LENGTH and 0 < len(api_id) <= API_ID_LENGTH
            if (registration_id, kind, lti_id, api_id) not in self._noted
        }
        if not new:
            return
        known = self.find(registration_id, kind, new)
        changed = {lti_id: api_id for lti_id, api_id in new.items() if known.get(lti_id) != api_id}
        if changed:
            self._put(registration_id, kind, changed)
        if len(self._noted) + len(new) > REMEMBERED:
            self._noted.clear()
        self._noted |= {(registration_id, kind, *pair) for pair in new.items()}

    def find(self, registration_id: str, kind: str, lti_ids: Iterable[str]) -> dict[str, str]:
        """What the API calls these, as far as it is known."""
        wanted, found = list(lti_ids), {}
        with self._database.read() as connection:
            for first in range(0, len(wanted), AT_ONCE):
                query = select(api_ids.c.lti_id, api_ids.c.api_id).where(
                    api_ids.c.registration_id == registration_id,
                    api_ids.c.kind == kind,
                    api_ids.c.lti_id.in_(wanted[first : first + AT_ONCE]),
                )
                found.update({row.lti_id: row.api_id for row in connection.execute(query)})
        return found

    def find_lti_ids(
        self, registration_id: str, kind: str, wanted: Iterable[str]
    ) -> dict[str, str]:
        """The other way round: id of the API -> id of LTI, as far as it is known."""
        asked, found = list(wanted), {}
        with self._database.read() as connection:
            for first in range(0, len(asked), AT_ONCE):
                query = select(api_ids.c.lti_id, api_ids.c.api_id).where(
                    api_ids.c.registration_id == registration_id,
                    api_ids.c.kind == kind,
                    api_ids.c.api_id.in_(asked[first : first + AT_ONCE]),
                )
                found.update({row.api_id: row.lti_id for row in connection.execute(query)})
        return found

    def _put(self, registration_id: str, kind: str, changed: Mapping[str, str]) -> None:
        place = {"registration_id": registration_id, "kind": kind}
        rows = [{**place, "lti_id": one, "api_id": other} for one, other in sorted(changed.items())]
        gone = (
            api_ids.c.registration_id == registration_id,
            api_ids.c.kind == kind,
            api_ids.c.lti_id.in_(changed),
        )
        try:
            with self._database.write() as connection:
                hold_registration(connection, registration_id)
                hold_rows(connection, api_ids, *gone, to_delete=True)
                connection.execute(delete(api_ids).where(*gone))
                connection.execute(insert(api_ids), rows)
        except IntegrityError:
            pass  # Another launch noted the same at this moment.
