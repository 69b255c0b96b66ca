"""Campus sign-on by OpenID Connect: campus IT signs in to the admin by its campus account, and
portals show the campus's tokens.

The providers are in `oidc.toml` (docs/how-to-sign-in-with-the-campus-provider.md). Without that
file the plugin does nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mentorai.core import hookimpl
from mentorai.core.values import Identity, Link

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


@hookimpl
def validate_credential(engine: "Engine", organization_id: str, credential: str) -> Identity | None:
    """Whose token of one of the organization's providers this is."""
    # What has not the form of a signed token costs nothing.
    if credential.count(".") != 2:
        return None
    from mentorai.plugins.oidc_sso.sign_on import SignOn

    return engine.room(SignOn).find_identity(organization_id, credential)


@hookimpl
def sign_in_links(engine: "Engine") -> Sequence[Link]:
    """A link for each provider that makes administrators."""
    from mentorai.plugins.oidc_sso.sign_on import SignOn

    return [
        Link(f"Sign in with {provider.title}", f"/sign-on/{provider.name}")
        for provider in engine.room(SignOn).providers.values()
        if provider.makes_admins
    ]


@hookimpl
def web_routes(engine: "Engine") -> Any:
    """The addresses under /sign-on/, if there is any provider."""
    from mentorai.plugins.oidc_sso.routes import make_routes
    from mentorai.plugins.oidc_sso.sign_on import SignOn

    sign_on = engine.room(SignOn)
    return make_routes(engine, sign_on) if sign_on.providers else None
