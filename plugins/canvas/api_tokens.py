"""Signing in at Canvas for its own API, and the tokens that come of it.

A person with the rights in Canvas signs in once, by a developer key of campus IT; from then on we
act as that person. authlib speaks OAuth 2.0 here, and is imported only where it does: two threads
that import it by different ways at once may each find it half done. Canvas has no PKCE, and gives
the same refresh token for ever, until somebody takes it back.
Source: Canvas' developer documentation, OAuth2; RFC 6749, sections 4.1 and 6.
"""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from requests import RequestException, Response

from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.errors import (
    MentorAIError,
    PlatformRefused,
    PlatformReplyInvalid,
    PlatformUnavailable,
    SignInNeeded,
)
from mentorai.core.values import ApiTokens, Connection
from mentorai.lti.library_calls import OutgoingAdapter
from mentorai.lti.tool import Tool
from mentorai.plugins.canvas.throttle import check_not_throttled

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session, OAuthError

    from mentorai.core.engine import Engine

KIND = "canvas_api"
# Scopes by what they are for. A key that enforces scopes must have them all.
SEND_GRADES = (
    "url:GET|/api/v1/courses/:course_id/assignments/:id",
    "url:GET|/api/v1/courses/:course_id/assignments/:assignment_id/submissions",
    "url:POST|/api/v1/courses/:course_id/assignments/:assignment_id/submissions/update_grades",
    "url:GET|/api/v1/progress/:id",
)
READ_SECTIONS = (
    "url:GET|/api/v1/courses/:course_id/enrollments",
    "url:GET|/api/v1/courses/:course_id/sections",
)
WHO_AM_I = ("url:GET|/api/v1/users/:id",)
SCOPES = (*WHO_AM_I, *SEND_GRADES, *READ_SECTIONS)
MARGIN = timedelta(seconds=60)
DEFAULT_SECONDS, LONGEST_SECONDS = 3_600.0, 86_400.0
TOKEN_LENGTH, NAME_LENGTH = 10_000, 200
SIGN_IN_AGAIN = (
    "Canvas no longer takes the sign-in that was given here. Somebody who may edit grades signs in "
    "again on this page."
)
UNKNOWN_KEY = (
    "Canvas does not know this API key or its secret, or the key is off: Admin, Developer Keys."
)
# What Canvas may say in the place of a code, and what campus IT should do then.
DECLINED = {
    "access_denied": "The access was declined in Canvas. Sign in again and choose Authorize.",
    "invalid_scope": "The API key lacks a scope. Edit it under Admin, Developer Keys, Enforce "
    "Scopes: either turn that off, or allow each scope that this page lists.",
    "unauthorized_client": "The API key is off. Turn it on under Admin, Developer Keys, State.",
    "invalid_client": UNKNOWN_KEY,
    "invalid_request": "Canvas did not take the request. Compare the key's Redirect URIs with the "
    "address that this page shows.",
    "login_required": "Nobody is signed in at Canvas in this browser. Sign in there, then here.",
    "interaction_required": "Canvas wants to ask you something first. Sign in again.",
    "temporarily_unavailable": "Canvas is not ready just now. Try again in a minute.",
    "server_error": "Canvas had trouble of its own. Try again in a minute.",
}
NO_CODE = "Canvas sent the browser back without what was asked for. Sign in again."


class CanvasTokens:
    """The access tokens of every connection. Made once: `engine.room(CanvasTokens)`."""

    def __init__(self, engine: "Engine") -> None:
        self._connections = engine.room(Connections)
        self._http = engine.room(Tool).http
        self.callback_url = self._connections.callback_url(KIND)

    def begin(self, connection: Connection, state: str) -> str:
        """The address at Canvas where the browser goes, to come back with this state."""
        with self._client(connection) as client:
            url, _ = client.create_authorization_url(
                f"{connection.base_url}/login/oauth2/auth", state=state
            )
        return str(url)

    def finish(self, connection: Connection, answer: Mapping[str, str]) -> ApiTokens:
        """The tokens for what the browser brought back; its state was checked before.

        Raises PlatformRefused with what to do; PlatformError when Canvas cannot be asked.
        """
        if "error" in answer or not answer.get("code"):
            raise SignInNeeded(DECLINED.get(answer.get("error", ""), NO_CODE))
        return self._ask(connection, code=answer["code"])

    def revoke(self, connection: Connection) -> bool:
        """Have Canvas forget the sign-in: its tokens, and not the person's own visit there.

        Raises SignInNeeded if it has forgotten already; PlatformError.
        """
        reply = self._http.repeat(
            "DELETE",
            f"{connection.base_url}/login/oauth2/token",
            headers={
                "Authorization": f"Bearer {self.get(connection)}",
                "Accept": "application/json",
            },
        )
        return reply.is_ok

    def get(self, connection: Connection, refused: str = "") -> str:
        """An access token. refused: the one that Canvas has just not taken; another is given.

        Raises SignInNeeded when only a person can help, which is kept and not asked again;
        PlatformError.
        """
        tokens = self._connections.open_tokens(connection)
        if tokens is None:
            raise SignInNeeded
        if not _is_good(tokens, refused):
            tokens = self._connections.renew(
                connection,
                lambda kept: _is_good(kept, refused),
                lambda kept: self._renew(connection, kept),
            )
        return tokens.access_token

    def _renew(self, connection: Connection, kept: ApiTokens | None) -> ApiTokens:
        if kept is None:
            raise SignInNeeded
        return self._ask(connection, kept=kept)

    def _ask(
        self, connection: Connection, *, code: str = "", kept: ApiTokens | None = None
    ) -> ApiTokens:
        """Tokens for a code, or for the refresh token of those that are kept."""
        from authlib.common.errors import AuthlibBaseError
        from authlib.integrations.requests_client import OAuthError

        url = f"{connection.base_url}/login/oauth2/token"
        try:
            with self._client(connection) as client:
                if kept is None:
                    given = client.fetch_token(url, code=code, allow_redirects=False)
                else:
                    given = client.refresh_token(
                        url, refresh_token=kept.refresh_token, scope=None, allow_redirects=False
                    )
        except OAuthError as error:
            raise self._read_refusal(connection, error) from error
        except RequestException as error:
            raise PlatformUnavailable("Canvas could not be asked for a token.") from error
        except (AuthlibBaseError, ValueError, TypeError) as error:
            raise PlatformReplyInvalid("Canvas answered a request for a token oddly.") from error
        return _read_tokens(given, kept)

    def _read_refusal(self, connection: Connection, error: "OAuthError") -> MentorAIError:
        """What a refused token request means; an unknown key is kept for campus IT."""
        if error.error == "invalid_client":
            self._connections.note(connection, "refused", UNKNOWN_KEY)
            return PlatformRefused(UNKNOWN_KEY)
        # "refresh_token not found", "authorization_code not found", "incorrect client".
        return SignInNeeded(SIGN_IN_AGAIN)

    def _client(self, connection: Connection) -> "OAuth2Session":
        from authlib.integrations.requests_client import OAuth2Session

        client = OAuth2Session(
            client_id=connection.account,
            client_secret=self._connections.open_secret(connection),
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 - the name of a method
            scope=" ".join(connection.scopes) or None,
            redirect_uri=self.callback_url,
        )
        client.trust_env = False
        for scheme in ("https://", "http://"):
            client.mount(scheme, OutgoingAdapter(self._http))
        for request in ("access_token_response", "refresh_token_response"):
            client.register_compliance_hook(request, _check_answer)
        return client


def _check_answer(answer: Response) -> Response:
    check_not_throttled(answer.status_code, answer.content)
    if answer.status_code >= 500:
        raise PlatformUnavailable("Canvas had trouble of its own.")
    return answer


def _is_good(tokens: ApiTokens, refused: str) -> bool:
    return tokens.access_token != refused and tokens.expires_at - MARGIN > now()


def _read_tokens(given: Any, kept: ApiTokens | None) -> ApiTokens:
    """What Canvas gave; a renewal names neither the refresh token nor the person again."""
    if not isinstance(given, Mapping):
        raise PlatformReplyInvalid("Canvas sent no token.")
    user = given.get("user")
    name = user.get("name") if isinstance(user, Mapping) else None
    return ApiTokens(
        access_token=_read_token(given.get("access_token")),
        expires_at=now() + timedelta(seconds=_read_seconds(given.get("expires_in"))),
        refresh_token=_read_token(given.get("refresh_token") or (kept and kept.refresh_token)),
        scopes=kept.scopes if kept else (),
        owner=str(name)[:NAME_LENGTH] if name else kept.owner if kept else "",
    )


def _read_token(value: object) -> str:
    is_token = isinstance(value, str) and value.isascii() and value.isprintable()
    if not is_token or not 0 < len(str(value)) <= TOKEN_LENGTH:
        raise PlatformReplyInvalid("Canvas sent no token.")
    return str(value)


def _read_seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return DEFAULT_SECONDS
    return min(float(value), LONGEST_SECONDS) if value > 0 else DEFAULT_SECONDS
