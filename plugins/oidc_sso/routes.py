"""The addresses under /sign-on/: to the provider, back from it, and its word that it is over."""

from datetime import timedelta
from typing import Any

from flask import (
    Blueprint,
    Response,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from mentorai.core.admins import Admin
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import PlatformError, SignOnRejected
from mentorai.core.values import Identity, Role
from mentorai.plugins.oidc_sso.providers import Provider
from mentorai.plugins.oidc_sso.sign_on import SignOn

KEPT = "sign_ons"
# Sign-ons that one browser may have begun and not finished, and for how long.
BEGUN = 4
BEGUN_SECONDS = 600
FORM_BYTES = 100_000


def make_routes(engine: Engine, sign_on: SignOn) -> Blueprint:
    """The blueprint of this plugin for one engine."""
    routes = Blueprint("oidc_sso", __name__, url_prefix="/sign-on", template_folder="templates")
    pages = SignOnPages(engine, sign_on)
    routes.add_url_rule("/<name>", "begin", pages.begin)
    routes.add_url_rule("/<name>/callback", "finish", pages.finish)
    routes.add_url_rule("/<name>/sign-out", "leave", pages.leave)
    # Posted by the provider, which has no token of ours; its own signature guards it.
    pages.end.__func__.csrf_exempt = True  # type: ignore[attr-defined]
    routes.add_url_rule("/<name>/logout", "end", pages.end, methods=["POST"])
    return routes


class SignOnPages:
    """Campus IT goes to its provider and comes back signed in."""

    def __init__(self, engine: Engine, sign_on: SignOn) -> None:
        self._engine = engine
        self._sign_on = sign_on

    def begin(self, name: str) -> AnyResponse:
        """On to the provider; this browser keeps what it must show when it comes back."""
        provider = self._sign_on.get_provider(name)
        begun = self._sign_on.begin(provider)
        kept = _read_kept()
        kept[begun.state] = {
            "name": name,
            "nonce": begun.nonce,
            "verifier": begun.verifier,
            "next": request.args.get("next", "")[:500],
            "at": int(now().timestamp()),
        }
        session[KEPT] = dict(list(kept.items())[-BEGUN:])
        return redirect(begun.url, 303)

    def finish(self, name: str) -> AnyResponse:
        """Back from the provider: sign in whoever it says is campus IT."""
        provider = self._sign_on.get_provider(name)
        kept = _read_kept()
        # Taken before anything else can fail: a state is good for one answer.
        begun = kept.pop(request.args.get("state", ""), None)
        session[KEPT] = kept
        if begun is None or begun["name"] != name:
            raise SignOnRejected("This sign-on did not begin in this browser, or too long ago.")
        identity = self._sign_on.finish(
            provider, request.args.to_dict(), nonce=begun["nonce"], verifier=begun["verifier"]
        )
        # The admin keeps whom a view names here.
        g.signed_in = self._admit(provider, identity)
        g.way_out = url_for("oidc_sso.leave", name=name)
        return redirect(url_for("admin.sign_in", next=begun["next"] or None), 303)

    def leave(self, name: str) -> str:
        """Signed out here: offer to sign out at the provider too."""
        provider = self._sign_on.get_provider(name)
        try:
            url = self._sign_on.find_sign_out_url(provider)
        except PlatformError:
            # Signing out here does not wait for a provider that is away.
            url = None
        return render_template("oidc_sso/signed_out.html", provider=provider, url=url)

    def end(self, name: str) -> AnyResponse | tuple[Response, int]:
        """The provider ends a sign-on (OpenID Connect Back-Channel Logout 1.0, section 2.5)."""
        request.max_content_length = FORM_BYTES
        provider = self._sign_on.get_provider(name)
        try:
            self._sign_on.end(provider, request.form.get("logout_token", ""))
        except SignOnRejected as error:
            return jsonify(error="invalid_request", error_description=error.message), 400
        return Response(status=200, headers={"Cache-Control": "no-store"})

    def _admit(self, provider: Provider, identity: Identity) -> Admin:
        if Role.ADMINISTRATOR.value not in identity.roles:
            raise SignOnRejected("Your campus account is not among those of campus IT.")
        organization_id = self._sign_on.organization_of(provider)
        admin = self._engine.admin_identities.put(organization_id, identity)
        lasts = timedelta(hours=self._engine.settings.session_hours)
        with self._engine.database.write() as connection:
            self._engine.sign_ons.note(
                connection,
                organization_id,
                identity,
                admin_id=admin.id,
                expires_at=now() + lasts,
            )
        return admin


def _read_kept() -> dict[str, Any]:
    """The sign-ons that this browser began, those that are not too old."""
    since = now().timestamp() - BEGUN_SECONDS
    kept = session.get(KEPT)
    if not isinstance(kept, dict):
        return {}
    return {state: begun for state, begun in kept.items() if begun["at"] > since}
