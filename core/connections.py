"""Connections: access to an LMS's own API, beside LTI. One for a registration and kind of API.

Secrets and tokens are sealed in the database, and open only for the plugin that calls. Of all
processes one at a time renews the tokens of a connection: some LMSs take a refresh token once.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.connection_rows import (
    SHOWN,
    check_facts,
    is_of,
    is_row,
    is_that,
    platform_connections,
    read_row,
)
from mentorai.core.connection_turns import turn_to_renew
from mentorai.core.errors import (
    Conflict,
    InputRejected,
    MentorAIError,
    NotFound,
    PlatformRefused,
    SignInNeeded,
)
from mentorai.core.identifiers import is_id, new_id
from mentorai.core.passing_failures import keep_trying
from mentorai.core.sealing import Seal
from mentorai.core.values import (
    ApiTokens,
    Connection,
    ConnectionBegun,
    ConnectionForm,
    ConnectionReport,
    ConnectionState,
    Platform,
)

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

log = structlog.get_logger(__name__)
REASON_LENGTH = 500
STATE_BYTES = 30
NO_KIND = "No plugin here knows this kind of API."
CHANGED = "This connection was changed meanwhile."
OTHER_ADDRESS = "Enter it again: what is kept is not sent to another address."


def new_state() -> str:
    """A text that nobody can guess, by which a browser shows that it began a sign-in."""
    return secrets.token_urlsafe(STATE_BYTES)


class Connections:
    """The connections of every organization. Made once: `engine.room(Connections)`."""

    def __init__(self, engine: "Engine") -> None:
        self._database = engine.database
        self._plugins = engine.plugins
        self._engine = engine
        self._audit = engine.audit
        self._seal = Seal(engine.settings)

    def list_forms(self, platform: Platform) -> Sequence[ConnectionForm]:
        """The APIs that plugins can connect to on this platform, and how each is set up."""
        found: list[ConnectionForm] = self._plugins.ask_all(
            "connection_form", engine=self._engine, platform=platform
        )
        return sorted(found, key=lambda form: form.kind)

    def put(
        self,
        organization_id: str,
        registration_id: str,
        kind: str,
        *,
        base_url: str,
        account: str,
        secret: str | None,
        scopes: Sequence[str],
        author: str,
    ) -> Connection:
        """Set up a connection, or set it up anew: tokens that were given before are forgotten.

        secret: None keeps the one that is there, for the address that it was entered for. Raises
        InputRejected (base_url, account, secret); NotFound if there is no such registration.
        """
        facts = check_facts(base_url, account, secret) | {"scopes": list(scopes)}
        known = self.find(organization_id, registration_id, kind)
        if secret is None and known and known.base_url != facts["base_url"]:
            raise InputRejected({"secret": [OTHER_ADDRESS]})
        facts |= {"state": "new", "reason": "", "checked_at": None, "sealed_tokens": None}
        if secret is not None:
            facts["sealed_secret"] = self._seal.close(secret.strip())
        whose = (organization_id, registration_id, kind)
        try:
            connection_id = self._put(whose, facts, author)
        except IntegrityError:
            # Somebody else made it at this moment; if not, it is the registration that is amiss.
            try:
                connection_id = self._put(whose, facts, author)
            except IntegrityError as error:
                raise NotFound("There is no such registration.") from error
        return self.get(organization_id, connection_id)

    def get(self, organization_id: str, connection_id: str) -> Connection:
        """One connection. Raises NotFound."""
        if not is_id(connection_id):
            raise NotFound
        found = self._read(is_row(organization_id, connection_id))
        if not found:
            raise NotFound
        return found[0]

    def find(self, organization_id: str, registration_id: str, kind: str) -> Connection | None:
        """A registration's connection to one kind of API."""
        found = self._read(is_of(organization_id, registration_id, kind))
        return found[0] if found else None

    def list(self, organization_id: str, registration_id: str) -> Sequence[Connection]:
        """A registration's connections."""
        return self._read(
            (
                platform_connections.c.organization_id == organization_id,
                platform_connections.c.registration_id == registration_id,
            )
        )

    def open_secret(self, connection: Connection) -> str:
        """The secret of a connection; empty if it has none. Raises NotFound, ConfigurationError."""
        sealed = self._get_sealed(connection).sealed_secret
        return self._seal.open(sealed) if sealed else ""

    def open_tokens(self, connection: Connection) -> ApiTokens | None:
        """The tokens of a connection, as they are now. Raises NotFound, ConfigurationError."""
        return self._open(self._get_sealed(connection).sealed_tokens)

    def _open(self, sealed: str | None) -> ApiTokens | None:
        if sealed is None:
            return None
        kept = json.loads(self._seal.open(sealed))
        kept["expires_at"] = datetime.fromisoformat(kept["expires_at"])
        kept["scopes"] = tuple(kept["scopes"])
        return ApiTokens(**kept)

    def keep_tokens(self, connection: Connection, tokens: ApiTokens) -> None:
        """Keep what the LMS gave; the connection is ready.

        Raises Conflict if it was set up anew, or deleted, since it was read.
        """
        facts = self._describe(tokens)
        if not keep_trying(lambda: self._update(connection, facts)):
            raise Conflict(CHANGED)

    def _describe(self, tokens: ApiTokens) -> dict[str, Any]:
        kept = {
            "access_token": tokens.access_token,
            "expires_at": tokens.expires_at.isoformat(),
            "refresh_token": tokens.refresh_token,
            "scopes": list(tokens.scopes),
            "owner": tokens.owner,
        }
        sealed = self._seal.close(json.dumps(kept))
        return _found("ready") | {"sealed_tokens": sealed}

    def note(self, connection: Connection, state: ConnectionState, reason: str = "") -> None:
        """Keep how a connection was found to be. What is set up anew or deleted stays as it is."""
        self._update(connection, _found(state, reason))

    def check(self, platform: Platform, connection: Connection) -> ConnectionReport:
        """Try a connection, and keep how it was found to be.

        Raises SignInNeeded, PlatformRefused; PlatformUnavailable and its like, which say nothing
        of the connection; NotFound if no plugin here knows this kind of API.
        """
        with self._refusals_noted(connection):
            report: ConnectionReport | None = self._plugins.ask_first(
                "check_connection", engine=self._engine, platform=platform, connection=connection
            )
        if report is None:
            raise NotFound(NO_KIND)
        lacking = [ability.missing for ability in report.abilities if not ability.is_allowed]
        self.note(connection, "ready", f"Not allowed: {', '.join(lacking)}." if lacking else "")
        return report

    def callback_url(self, kind: str) -> str:
        """Where an LMS sends the browser back to, after somebody signed in for this kind of API."""
        return f"{self._engine.settings.public_url}/connections/{kind}/callback"

    def begin(self, connection: Connection, state: str) -> ConnectionBegun:
        """Where campus IT signs in at the LMS; it comes back with this state.

        Raises NotFound if nobody can sign in for this kind of API; PlatformError.
        """
        begun: ConnectionBegun | None = self._plugins.ask_first(
            "begin_connection", engine=self._engine, connection=connection, state=state
        )
        if begun is None:
            raise NotFound(NO_KIND)
        return begun

    def finish(self, connection: Connection, answer: Mapping[str, str], kept: str) -> ApiTokens:
        """Keep the tokens for what the browser brought back; its state was checked before.

        Raises SignInNeeded, PlatformRefused, which are kept; NotFound; other PlatformErrors.
        """
        with self._refusals_noted(connection):
            tokens: ApiTokens | None = self._plugins.ask_first(
                "finish_connection",
                engine=self._engine,
                connection=connection,
                answer=answer,
                kept=kept,
            )
        if tokens is None:
            raise NotFound(NO_KIND)
        self.keep_tokens(connection, tokens)
        return tokens

    @contextmanager
    def _refusals_noted(self, connection: Connection) -> Iterator[None]:
        """Keep on a connection what its LMS refused while it was used."""
        try:
            yield
        except SignInNeeded as error:
            self.note(connection, "needs_sign_in", error.message)
            raise
        except PlatformRefused as error:
            self.note(connection, "refused", error.message)
            raise

    def revoke(self, connection: Connection) -> bool | None:
        """Have the LMS take back what it gave; whether it did. None: there is nothing to ask for.

        Nothing hangs on it: whoever deletes a connection goes on whatever the LMS answers.
        """
        if self._get_sealed(connection).sealed_tokens is None:
            return None
        try:
            gone: bool | None = self._plugins.ask_first(
                "revoke_connection", engine=self._engine, connection=connection
            )
        except MentorAIError as error:
            log.warning("connection_not_revoked", kind=connection.kind, code=error.code)
            return False
        return gone

    def delete(self, connection: Connection, *, author: str) -> None:
        """Forget a connection with all its secrets. Raises NotFound."""
        whose = (connection.organization_id, connection.registration_id, connection.kind)
        gone = delete(platform_connections).where(*is_that(connection))
        with self._database.write() as transaction:
            if not transaction.execute(gone).rowcount:
                raise NotFound
            self._note(transaction, whose, "connection_deleted", author)

    def renew(
        self,
        connection: Connection,
        is_good: Callable[[ApiTokens], bool],
        ask: Callable[[ApiTokens | None], ApiTokens],
    ) -> ApiTokens:
        """The tokens of a connection, or where they are not good, those that the LMS gives now.

        Of all processes one asks at a time; the others wait, and are given what it was given. A
        process that was held up so long that another took its turn changes nothing of what that
        one was given: of two that show the same refresh token, the LMS may refuse one.
        ask: has the LMS give new ones for those that are kept; its SignInNeeded is noted, and
        raised, unless there are others by then. Raises PlatformUnavailable if others are at it all
        the time; Conflict if the connection was changed meanwhile; NotFound.
        """
        with turn_to_renew(self._database, connection):
            sealed = self._get_sealed(connection).sealed_tokens
            kept = self._open(sealed)
            # Another process may have renewed them while this one waited.
            if kept is not None and is_good(kept):
                return kept
            as_asked = platform_connections.c.sealed_tokens.is_not_distinct_from(sealed)
            try:
                given = ask(kept)
            except SignInNeeded as error:
                others = self.open_tokens(connection)
                if others is None or not is_good(others):
                    self._update(connection, _found("needs_sign_in", error.message), as_asked)
                    raise
                return others
            # What a refresh token was spent for would be lost.
            facts = self._describe(given)
            if keep_trying(lambda: self._update(connection, facts, as_asked)):
                return given
            others = self.open_tokens(connection)
            if others is None or not is_good(others):
                raise Conflict(CHANGED)
            return others

    def _put(self, whose: tuple[str, str, str], facts: dict[str, Any], author: str) -> str:
        """Insert or update the row of a connection, and note who did; gives its id."""
        facts = facts | {"changed_at": now()}
        asking = select(platform_connections.c.id).where(*is_of(*whose))
        with self._database.write() as transaction:
            known: str | None = transaction.execute(asking).scalar_one_or_none()
            if known is not None:
                change = update(platform_connections).where(*is_of(*whose))
                transaction.execute(change.values(facts))
                self._note(transaction, whose, "connection_changed", author)
                return known
            organization_id, registration_id, kind = whose
            row = {
                "id": new_id(),
                "organization_id": organization_id,
                "registration_id": registration_id,
                "kind": kind,
                "sealed_secret": "",
                "created_at": facts["changed_at"],
                "created_by": author,
            }
            transaction.execute(insert(platform_connections).values(row | facts))
            self._note(transaction, whose, "connection_made", author)
            return str(row["id"])

    def _update(
        self, connection: Connection, facts: dict[str, Any], *also: ColumnElement[bool]
    ) -> bool:
        """Change a connection unless it was set up anew, or deleted; whether it was changed."""
        as_seen = platform_connections.c.changed_at == connection.changed_at
        change = update(platform_connections).where(*is_that(connection), as_seen, *also)
        with self._database.write() as transaction:
            return bool(transaction.execute(change.values(facts)).rowcount)

    def _read(self, wanted: Sequence[ColumnElement[bool]]) -> Sequence[Connection]:
        query = select(*SHOWN).where(*wanted).order_by(platform_connections.c.kind)
        with self._database.read() as transaction:
            return [read_row(row) for row in transaction.execute(query)]

    def _get_sealed(self, connection: Connection) -> Row[Any]:
        query = select(platform_connections).where(*is_that(connection))
        with self._database.read() as transaction:
            row = transaction.execute(query).one_or_none()
        if row is None:
            raise NotFound("This connection is no longer there.")
        return row

    def _note(
        self, transaction: Any, whose: tuple[str, str, str], action: str, author: str
    ) -> None:
        self._audit.write(
            transaction,
            organization_id=whose[0],
            actor=author,
            action=action,
            subject=whose[1],
            facts={"kind": whose[2]},
        )


def _found(state: ConnectionState, reason: str = "") -> dict[str, Any]:
    """How a connection was found to be, now."""
    return {"state": state, "reason": reason[:REASON_LENGTH], "checked_at": now()}
