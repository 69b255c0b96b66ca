"""Access to Blackboard's REST API: as the application itself, or as a person who signed in.

With two legs the key and its secret give a token of the integration's own user; with three a person
consents, PKCE guards the way back, and the refresh token that comes with `offline` serves until
somebody takes it back.
Source: Blackboard's developer documentation, REST and 3LO; RFC 6749, RFC 7636.
"""

from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.errors import (
    PlatformRefused,
    PlatformReplyInvalid,
    SignInNeeded,
)
from mentorai.core.values import ApiTokens, Connection, ConnectionBegun
from mentorai.lti.platform_http import Reply, check_reply
from mentorai.lti.tool import Tool

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

KIND = "blackboard_rest"
OAUTH = "/learn/api/public/v1/oauth2"
# `offline` brings the refresh token; the others let us read rosters and write grades.
SCOPES = ("read", "write", "offline")
MARGIN = timedelta(seconds=60)
DEFAULT_SECONDS, LONGEST_SECONDS = 300.0, 86_400.0
TOKEN_LENGTH, VERIFIER_LENGTH = 10_000, 64
UNKNOWN_KEY = (
    "Learn does not know this application key or its secret. developer.blackboard.com, My Apps, "
    "Manage Keys; and in Learn: Administrator Panel, Integrations, REST API Integrations."
)
NOT_LEARN = "No Learn answers at this address; it must be that of Learn's sign-in page."
SIGN_IN_AGAIN = "Learn no longer takes the sign-in that was given here. Sign in again."
DECLINED = "The access was declined in Learn. Sign in again and choose Allow."


class BlackboardTokens:
    """The access tokens of every connection. Made once: `engine.room(BlackboardTokens)`."""

    def __init__(self, engine: "Engine") -> None:
        self._connections = engine.room(Connections)
        self._http = engine.room(Tool).http
        self.callback_url = self._connections.callback_url(KIND)

    def begin(self, connection: Connection, state: str) -> ConnectionBegun:
        """Where somebody signs in, to have us act as them. What is kept is PKCE's verifier."""
        # Scores come by this module, and need none of it.
        from authlib.common.security import generate_token
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        verifier = generate_token(VERIFIER_LENGTH)
        url = prepare_grant_uri(
            f"{connection.base_url.rstrip('/')}{OAUTH}/authorizationcode",
            client_id=connection.account,
            response_type="code",
            redirect_uri=self.callback_url,
            scope=" ".join(SCOPES),
            state=state,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return ConnectionBegun(str(url), verifier)

    def finish(self, connection: Connection, answer: Mapping[str, str], verifier: str) -> ApiTokens:
        """The tokens for what the browser brought back; its state was checked before.

        Raises SignInNeeded if the person declined; PlatformError.
        """
        code = answer.get("code", "")
        if not code:
            raise SignInNeeded(DECLINED)
        return self._ask(
            connection,
            grant_type="authorization_code",
            code=code,
            redirect_uri=self.callback_url,
            code_verifier=verifier,
        )

    def get(self, connection: Connection, refused: str = "") -> str:
        """An access token. refused: the one that Learn has just not taken; another is given.

        Of all processes one asks for it. Raises SignInNeeded when only the person who signed in can
        help; PlatformError.
        """
        kept = self._connections.open_tokens(connection)
        if kept is None or not _is_good(kept, refused):
            kept = self._connections.renew(
                connection,
                lambda kept: _is_good(kept, refused),
                lambda kept: self._renew(connection, kept),
            )
        return kept.access_token

    def _renew(self, connection: Connection, kept: ApiTokens | None) -> ApiTokens:
        if kept is None or not kept.owner:
            return self._ask(connection, grant_type="client_credentials")
        if not kept.refresh_token:
            raise SignInNeeded(SIGN_IN_AGAIN)
        return self._ask(
            connection,
            kept=kept,
            grant_type="refresh_token",
            refresh_token=kept.refresh_token,
            redirect_uri=self.callback_url,
        )

    def _ask(
        self, connection: Connection, *, kept: ApiTokens | None = None, **form: str
    ) -> ApiTokens:
        secret = self._connections.open_secret(connection)
        # Both parts are encoded before they are joined (RFC 6749, section 2.3.1).
        pair = f"{quote(connection.account, safe='')}:{quote(secret, safe='')}"
        reply = self._http.post(
            f"{connection.base_url.rstrip('/')}{OAUTH}/token",
            headers={
                "Authorization": f"Basic {b64encode(pair.encode()).decode()}",
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            body=urlencode(form),
        )
        if reply.status in (400, 401, 403):
            self._refuse(connection, reply, form["grant_type"])
        if reply.status in (404, 405):
            raise PlatformRefused(NOT_LEARN)
        check_reply(reply, "a request for an access token")
        return _read_tokens(reply.read_json(), kept)

    def _refuse(self, connection: Connection, reply: Reply, grant_type: str) -> None:
        """Say what a refused request means; an unknown key is kept for campus IT."""
        if grant_type == "client_credentials" or reply.status == 401:
            self._connections.note(connection, "refused", UNKNOWN_KEY)
            raise PlatformRefused(UNKNOWN_KEY)
        raise SignInNeeded(SIGN_IN_AGAIN)


def _is_good(tokens: ApiTokens, refused: str) -> bool:
    return tokens.access_token != refused and tokens.expires_at - MARGIN > now()


def _read_tokens(given: Any, kept: ApiTokens | None) -> ApiTokens:
    """What Learn gave. owner: the id of who signed in, which a token of two legs has not."""
    if not isinstance(given, dict):
        raise PlatformReplyInvalid("Learn sent no token.")
    refresh = given.get("refresh_token")
    owner = given.get("user_id")
    scope = given.get("scope")
    return ApiTokens(
        access_token=_read_token(given.get("access_token")),
        expires_at=now() + timedelta(seconds=_read_seconds(given.get("expires_in"))),
        refresh_token=_read_token(refresh) if refresh else kept.refresh_token if kept else "",
        scopes=tuple(scope.replace(",", " ").split()) if isinstance(scope, str) else (),
        owner=_read_token(owner)[:200] if owner else kept.owner if kept else "",
    )


def _read_token(value: object) -> str:
    is_token = isinstance(value, str) and value.isascii() and value.isprintable()
    if not is_token or not 0 < len(str(value)) <= TOKEN_LENGTH:
        raise PlatformReplyInvalid("Learn sent no token.")
    return str(value)


def _read_seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return DEFAULT_SECONDS
    return min(float(value), LONGEST_SECONDS)
