"""Moodle's web services by REST: one call, and what its answers mean.

Each answer is HTTP 200, errors too: an object with `exception` is a failure. The token travels in
the body, never in the address, so that no log along the way has it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from mentorai.core.connections import Connections
from mentorai.core.errors import (
    MentorAIError,
    PlatformRefused,
    PlatformReplyInvalid,
    PlatformUnavailable,
)
from mentorai.core.values import Connection, Platform
from mentorai.lti.platform_http import REPLY_BYTES, Reply, check_reply
from mentorai.lti.tool import Tool

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

KIND = "moodle_web_services"
PATH = "/webservice/rest/server.php"
TOKENS_SCREEN = "Site administration, Server, Web services, Manage tokens"
SERVICE_SCREEN = "Site administration, Server, Web services, External services"
PROTOCOLS_SCREEN = "Site administration, Server, Web services, Manage protocols"
NOT_A_TOKEN = f"Moodle does not take this token. {TOKENS_SCREEN}: is it there, and not expired?"
NO_REST = f"Moodle does not serve REST. {PROTOCOLS_SCREEN}: switch the REST protocol on."
NOT_MOODLE = "No web services answer at this address; it must be that of Moodle's front page."
NOT_CONNECTED = (
    "This column is reached by Moodle's web services, and they are not connected any more."
)
NOT_JSON = "Moodle's web services answered with something that is not JSON."
AWAY = "Moodle is being maintained, or asked to be left alone."


class WebServiceRefused(PlatformRefused):
    """Moodle's web services refused a call.

    error_code: Moodle's own word for it. Moodle's sentence is not repeated: it may name people.
    """

    def __init__(self, function: str, error_code: str) -> None:
        self.error_code = error_code
        super().__init__(f"Moodle refused {function} ({error_code}).")


class WebServices:
    """One Moodle's web services, by one connection's token."""

    def __init__(self, engine: "Engine", connection: Connection) -> None:
        self.base_url = connection.base_url.rstrip("/")
        tool = engine.room(Tool)
        self._http = tool.http
        self._pace = tool.pace_of_api(connection, connection.id)
        self._connections = engine.room(Connections)
        self._connection = connection

    def call(self, function: str, *, limit_bytes: int = REPLY_BYTES, **parameters: object) -> Any:
        """What a function gives; parameters may be lists and objects.

        Raises WebServiceRefused; PlatformRefused when the token is not taken, which the connection
        remembers, or REST is off; PlatformUnavailable; PlatformReplyInvalid.
        """
        form = [
            ("wstoken", self._connections.open_secret(self._connection)),
            ("wsfunction", function),
            # Without it the answer is XML.
            ("moodlewsrestformat", "json"),
            *(pair for name, value in parameters.items() for pair in _flatten(name, value)),
        ]
        reply = self._http.post(
            f"{self.base_url}{PATH}",
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            body=urlencode(form),
            limit_bytes=limit_bytes,
            pace=self._pace,
        )
        answer = _read(reply)
        if isinstance(answer, dict) and "exception" in answer:
            self._refuse(function, answer)
        return answer

    def _refuse(self, function: str, answer: Mapping[str, Any]) -> None:
        given = answer.get("errorcode")
        is_word = isinstance(given, str) and given.isascii() and given.isprintable()
        code = str(given)[:60] if is_word else "unknown"
        if code == "invalidtoken":
            self._connections.note(self._connection, "refused", NOT_A_TOKEN)
            raise PlatformRefused(NOT_A_TOKEN)
        if code in ("sitemaintenance", "upgraderunning"):
            raise PlatformUnavailable(AWAY)
        raise WebServiceRefused(function, code)


def find_web_services(engine: "Engine", platform: Platform) -> WebServices | None:
    """The web services of a platform that campus IT connected and that are of use; or None."""
    where = (platform.organization_id, platform.registration_id)
    found = engine.room(Connections).find(*where, KIND)
    return WebServices(engine, found) if found and found.state == "ready" else None


def get_web_services(engine: "Engine", platform: Platform) -> WebServices:
    """The same for what cannot do without. Raises PlatformRefused."""
    found = find_web_services(engine, platform)
    if found is None:
        raise PlatformRefused(NOT_CONNECTED)
    return found


def _read(reply: Reply) -> Any:
    if reply.status == 403:
        raise PlatformRefused(NO_REST)
    if reply.status in (301, 302, 303, 307, 308, 404):
        raise PlatformRefused(NOT_MOODLE)
    check_reply(reply, "a call of its web services")
    try:
        return reply.read_json()
    except MentorAIError as error:
        raise PlatformReplyInvalid(NOT_JSON) from error


def _flatten(name: str, value: object) -> Iterator[tuple[str, str]]:
    """A parameter as PHP reads lists and objects from a form: grades[0][studentid]=6."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flatten(f"{name}[{key}]", inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for number, inner in enumerate(value):
            yield from _flatten(f"{name}[{number}]", inner)
    else:
        yield name, str(int(value)) if isinstance(value, bool) else str(value)
