"""How campus IT connects Canvas' own API, and what it turns out to allow."""

from typing import TYPE_CHECKING

from mentorai.core.errors import ScopeNotGranted
from mentorai.core.values import (
    Ability,
    Connection,
    ConnectionField,
    ConnectionForm,
    ConnectionReport,
)
from mentorai.plugins.canvas.api_client import CanvasApi
from mentorai.plugins.canvas.api_tokens import (
    KIND,
    READ_SECTIONS,
    SCOPES,
    SEND_GRADES,
    CanvasTokens,
)

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

SCREEN = "Admin, Developer Keys, + Developer Key, + API Key"
SCOPES_SCREEN = "Admin, Developer Keys, the API key's pencil, Enforce Scopes"
ABILITIES = (
    ("Send the grades of a whole class at once", SEND_GRADES),
    ("See who is in which section", READ_SECTIONS),
)


def make_form(engine: "Engine") -> ConnectionForm:
    """What to make in Canvas, and what to enter here."""
    return ConnectionForm(
        kind=KIND,
        title="Canvas API",
        purpose="Sends the grades of a whole class at once, and shows sections. Without it grades "
        "and people come by LTI, one grade a call.",
        screen=SCREEN,
        fields=(
            ConnectionField(
                "base_url",
                "Address of your Canvas",
                "What the browser shows when you are in Canvas: https://school.instructure.com",
            ),
            ConnectionField(
                "account", "Client ID", "The long number under Details in the list of keys."
            ),
            ConnectionField(
                "secret", "Key", "Show Key, under the number, in the same list.", is_secret=True
            ),
        ),
        gives=(
            ("Redirect URIs", engine.room(CanvasTokens).callback_url),
            ("Enforce Scopes", "\n".join(SCOPES)),
        ),
        scopes=SCOPES,
        signs_in=True,
    )


def check(engine: "Engine", connection: Connection) -> ConnectionReport:
    """As whom we act in this Canvas, and which of the key's scopes are missing.

    Raises SignInNeeded, PlatformRefused, PlatformUnavailable and its like.
    """
    api = CanvasApi(engine, connection)
    who = api.read("/api/v1/users/self", (), "a question about who signed in")
    abilities = []
    for purpose, scopes in ABILITIES:
        missing = [scope for scope in scopes if not _has_scope(api, scope)]
        screen = SCOPES_SCREEN if missing else ""
        abilities.append(Ability(purpose, not missing, ", ".join(missing), screen))
    return ConnectionReport(str(who.get("name") or "")[:200], "", tuple(abilities))


def _has_scope(api: CanvasApi, scope: str) -> bool:
    """Canvas looks at scopes before anything else, so what does not exist is enough to ask for."""
    method, _, path = scope.removeprefix("url:").partition("|")
    parts = ["0" if part.startswith(":") else part for part in path.split("/")]
    try:
        api.send(method, "/".join(parts))
    except ScopeNotGranted:
        return False
    return True
