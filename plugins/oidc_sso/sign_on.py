"""Signing on with a provider: begun, finished, shown by a portal, and over.

authlib speaks OAuth 2.0 here (the request with PKCE, the exchange of the code); signatures and
key sets are checked as a platform's are.
Source: OpenID Connect Core 1.0, section 3.1; RFC 7636; RFC 9207.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.common.urls import add_params_to_uri
from authlib.integrations.requests_client import OAuth2Session
from requests import RequestException

from mentorai.core.errors import (
    NotFound,
    PlatformError,
    PlatformReplyInvalid,
    PlatformUnavailable,
    SignOnRejected,
)
from mentorai.core.values import Identity
from mentorai.lti.keysets import read_keyset
from mentorai.lti.library_calls import OutgoingAdapter
from mentorai.lti.platform_http import check_reply
from mentorai.lti.tool import Tool
from mentorai.plugins.oidc_sso.discovery import DOCUMENT_BYTES, Discovery, Metadata
from mentorai.plugins.oidc_sso.providers import Provider, read_providers
from mentorai.plugins.oidc_sso.tokens import (
    check_id_token,
    check_shown,
    check_signed,
    read_identity,
    read_sign_off,
    read_signed,
)

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

STATE_LENGTH = 40
VERIFIER_LENGTH = 64
# What a provider may say in the place of a code, and what a person should read then.
DECLINED = {
    "access_denied": "The sign-on was cancelled, or your account may not use this.",
    "login_required": "You are not signed in at your campus any more; try again.",
    "temporarily_unavailable": "The sign-on of your campus is not ready just now; try again.",
    "server_error": "The sign-on of your campus had trouble of its own; try again.",
}


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-on that began: where the browser goes, and what it must keep to finish."""

    url: str
    state: str
    nonce: str
    verifier: str


class SignOn:
    """The providers of one installation. Made once: `engine.room(SignOn)`."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._tool = engine.room(Tool)
        self.providers = read_providers(engine.settings)
        self._discovery = Discovery(
            self._tool.http, allow_loopback=engine.settings.allow_loopback_platforms
        )

    def get_provider(self, name: str) -> Provider:
        """The provider of this name. Raises NotFound."""
        if name not in self.providers:
            raise NotFound("There is no such sign-on.")
        return self.providers[name]

    def callback_url(self, provider: Provider) -> str:
        """Where the provider sends the browser back to, and nowhere else."""
        return f"{self._engine.settings.public_url}/sign-on/{provider.name}/callback"

    def logout_url(self, provider: Provider) -> str:
        """Where the provider says that somebody signed out there."""
        return f"{self._engine.settings.public_url}/sign-on/{provider.name}/logout"

    @property
    def way_back_url(self) -> str:
        """Where a provider sends whoever signed out there."""
        return f"{self._engine.settings.public_url}/admin/sign-in"

    def find_sign_out_url(self, provider: Provider) -> str | None:
        """Where a person signs out at the provider, and comes back here; None if it has no such
        address. Raises PlatformError.

        Source: OpenID Connect RP-Initiated Logout 1.0, section 2.
        """
        url = self._discovery.get(provider.issuer).sign_out_url
        if url is None:
            return None
        asked = [
            ("client_id", provider.client_id),
            ("post_logout_redirect_uri", self.way_back_url),
        ]
        found: str = add_params_to_uri(url, asked)
        return found

    def count_keys(self, provider: Provider) -> int:
        """How many keys it signs with that can be used, by its own word just now.

        Raises PlatformError.
        """
        url = self._discovery.get(provider.issuer).keyset_url
        reply = self._tool.http.get(url, limit_bytes=DOCUMENT_BYTES, redirects=3)
        check_reply(reply, "a request for its keys")
        keys = read_keyset(reply.read_json())
        if not keys:
            raise PlatformReplyInvalid("The provider publishes no key that can be used.")
        return len(keys)

    def begin(self, provider: Provider) -> Begun:
        """The way to the provider. Raises PlatformError when it cannot be asked."""
        metadata = self._discovery.get(provider.issuer)
        state, nonce = generate_token(STATE_LENGTH), generate_token(STATE_LENGTH)
        verifier = generate_token(VERIFIER_LENGTH)
        with self._client(provider, metadata) as client:
            url, _ = client.create_authorization_url(
                metadata.auth_url, state=state, nonce=nonce, code_verifier=verifier
            )
        return Begun(url, state, nonce, verifier)

    def finish(
        self, provider: Provider, answer: Mapping[str, str], *, nonce: str, verifier: str
    ) -> Identity:
        """Who signed on. answer: what the browser brought back, its state checked already.

        Raises SignOnRejected; PlatformError when the provider cannot be asked.
        """
        metadata = self._discovery.get(provider.issuer)
        said = answer.get("iss")
        if said != metadata.issuer and (said is not None or metadata.names_itself):
            raise SignOnRejected("This answer is of another provider (iss).")
        if "error" in answer or not answer.get("code"):
            raise SignOnRejected(DECLINED.get(answer.get("error", ""), ""))
        tokens = self._exchange(provider, metadata, answer["code"], verifier)
        access_token = _read_text(tokens, "access_token")
        token = read_signed(_read_text(tokens, "id_token"))
        check_signed(token, self._tool.keysets, metadata.keyset_url)
        claims = check_id_token(provider, token, nonce=nonce, access_token=access_token)
        more = self._read_userinfo(metadata, access_token)
        if more.get("sub", claims["sub"]) != claims["sub"]:
            raise SignOnRejected("The provider's answers speak of two people (sub).")
        return read_identity(provider, {**more, **claims})

    def find_identity(self, organization_id: str, credential: str) -> Identity | None:
        """Whose token this is: of a provider of this organization, good, and not over; else None.

        Raises PlatformUnavailable when the provider's keys cannot be had.
        """
        try:
            token = read_signed(credential)
        except SignOnRejected:
            return None
        # One campus server may be the provider of several clients.
        for provider in self._list_of(organization_id, token.claims.get("iss")):
            with suppress(SignOnRejected):
                claims, issued_at = check_shown(provider, token)
                self._check_signed(provider, token)
                identity = read_identity(provider, claims)
                is_over = self._engine.sign_ons.is_over(organization_id, identity, issued_at)
                return None if is_over else identity
        return None

    def end(self, provider: Provider, logout_token: str) -> None:
        """The provider says that somebody signed out: end what they have here.

        Raises SignOnRejected; PlatformError when its keys cannot be had.
        """
        token = read_signed(logout_token)
        word = read_sign_off(provider, self.organization_of(provider), token)
        self._check_signed(provider, token)
        self._engine.end_sign_on(word)

    def organization_of(self, provider: Provider) -> str:
        """The id of the organization whose provider it is. Raises NotFound."""
        return self._engine.organizations.get(provider.organization).id

    def _check_signed(self, provider: Provider, token: Any) -> None:
        try:
            keyset_url = self._discovery.get(provider.issuer).keyset_url
        except PlatformError as error:
            raise PlatformUnavailable("The provider could not be asked.") from error
        check_signed(token, self._tool.keysets, keyset_url)

    def _list_of(self, organization_id: str, issuer: object) -> Sequence[Provider]:
        """The providers of this organization that are this issuer."""
        alike = [provider for provider in self.providers.values() if provider.issuer == issuer]
        return [one for one in alike if self._is_of(one, organization_id)]

    def _is_of(self, provider: Provider, organization_id: str) -> bool:
        try:
            return self.organization_of(provider) == organization_id
        except NotFound:
            # The file names an organization that is not here; `sign-on check` says so.
            return False

    def _client(self, provider: Provider, metadata: Metadata) -> OAuth2Session:
        client = OAuth2Session(
            client_id=provider.client_id,
            client_secret=provider.client_secret or None,
            token_endpoint_auth_method=metadata.choose_method(provider.client_secret),
            scope=" ".join(provider.scopes),
            redirect_uri=self.callback_url(provider),
            code_challenge_method="S256",
        )
        client.trust_env = False
        for scheme in ("https://", "http://"):
            client.mount(scheme, OutgoingAdapter(self._tool.http))
        return client

    def _exchange(
        self, provider: Provider, metadata: Metadata, code: str, verifier: str
    ) -> Mapping[str, Any]:
        """The tokens for a code (OpenID Connect Core 1.0, section 3.1.3.1)."""
        try:
            with self._client(provider, metadata) as client:
                tokens = client.fetch_token(
                    metadata.token_url, code=code, code_verifier=verifier, allow_redirects=False
                )
        except (AuthlibBaseError, RequestException, ValueError, TypeError) as error:
            raise SignOnRejected("The provider did not take back what it gave (code).") from error
        if not isinstance(tokens, Mapping):
            raise SignOnRejected("The provider sent no tokens.")
        return tokens

    def _read_userinfo(self, metadata: Metadata, access_token: str) -> Mapping[str, Any]:
        """What the provider says besides; many say names and groups nowhere else."""
        if metadata.userinfo_url is None:
            return {}
        reply = self._tool.http.get(
            metadata.userinfo_url,
            headers={"Authorization": f"Bearer {access_token}", "Accept": "application/json"},
            limit_bytes=DOCUMENT_BYTES,
        )
        check_reply(reply, "a question about who signed on")
        if "json" not in reply.headers.get("Content-Type", ""):
            # A signed answer: what it says is in the id token, or not for us.
            return {}
        found = reply.read_json()
        return found if isinstance(found, Mapping) else {}


def _read_text(tokens: Mapping[str, Any], name: str) -> str:
    value = tokens.get(name)
    if not isinstance(value, str) or not value:
        raise SignOnRejected(f"The provider sent no {name}.")
    return value
