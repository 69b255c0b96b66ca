"""The smallest honest LTI tool: enough to hold the sandbox against, and nothing more.

It shows the claims of a launch as JSON, answers content selections with `items`, and signs what a
platform's services ask for.
"""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import urlencode

import requests
from flask import Flask, redirect, render_template_string, request
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from joserfc.jws import serialize_compact
from werkzeug.wrappers import Response

CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
DEEP_LINK = "https://purl.imsglobal.org/spec/lti-dl/claim"
FORM = '<form method="post" action="{{ url }}"><input name="JWT" value="{{ token }}"></form>'


@cache
def _first_key() -> RSAKey:
    # Making a key takes longer than most tests.
    return _new_key()


def _new_key() -> RSAKey:
    parameters = {"kid": secrets.token_hex(4), "use": "sig"}
    return RSAKey.generate_key(2048, parameters, private=True)


class ToyTool:
    """A tool registered at one platform. description: what the platform says of itself."""

    def __init__(self) -> None:
        self.description: Mapping[str, Any] = {}
        self.items: Sequence[Mapping[str, Any]] = []
        self.key = _first_key()
        self.app = self._build()

    def rotate(self) -> None:
        """Sign with another key, and publish only that one."""
        self.key = _new_key()

    def keyset(self) -> dict[str, Any]:
        return {"keys": [dict(self.key.as_dict(private=False))]}

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """A compact JWS over `claims`; `header` replaces parts of its header."""
        head = {"alg": "RS256", "kid": self.key.kid} | header
        head = {name: value for name, value in head.items() if value is not None}
        return serialize_compact(head, json.dumps(claims), self.key, algorithms=["RS256"])

    def assertion(self, *, kid: str | None = None, **changes: Any) -> str:
        """A client assertion for the token endpoint; None leaves a claim out. kid: named instead
        of the key's own.
        """
        platform, moment = self.description["platform"], int(time.time())
        claims = {
            "iss": platform["client_id"],
            "sub": platform["client_id"],
            "aud": platform["token_url"],
            "iat": moment,
            "exp": moment + 60,
            "jti": secrets.token_hex(8),
        } | changes
        named = {"kid": kid} if kid else {}
        kept = {name: value for name, value in claims.items() if value is not None}
        return self.sign(kept, **named)

    def selection(self, asked: Mapping[str, Any], **changes: Any) -> str:
        """The answer to a content selection request."""
        platform, moment = self.description["platform"], int(time.time())
        claims = {
            "iss": platform["client_id"],
            "aud": platform["issuer"],
            "iat": moment,
            "exp": moment + 60,
            "nonce": secrets.token_hex(8),
            f"{CLAIM}/message_type": "LtiDeepLinkingResponse",
            f"{CLAIM}/version": "1.3.0",
            f"{CLAIM}/deployment_id": asked[f"{CLAIM}/deployment_id"],
            f"{DEEP_LINK}/data": asked[f"{DEEP_LINK}/deep_linking_settings"].get("data"),
            f"{DEEP_LINK}/content_items": list(self.items),
        } | changes
        return self.sign({name: value for name, value in claims.items() if value is not None})

    def read(self, id_token: str) -> dict[str, Any]:
        """The claims of a launch, its signature checked with the platform's published keys."""
        keyset = requests.get(self.description["platform"]["keyset_url"], timeout=10).json()
        token = jwt.decode(id_token, KeySet.import_key_set(keyset), algorithms=["RS256"])
        return dict(token.claims)

    def _build(self) -> Flask:
        app = Flask("toy-tool")

        @app.get("/lti/jwks.json")
        def jwks() -> dict[str, Any]:
            return self.keyset()

        @app.route("/lti/login", methods=["GET", "POST"])
        def login() -> Response:
            asked = request.values
            query = {
                "response_type": "id_token",
                "response_mode": "form_post",
                "scope": "openid",
                "prompt": "none",
                "client_id": asked["client_id"],
                "redirect_uri": self.description["tool"]["redirect_url"],
                "login_hint": asked["login_hint"],
                "lti_message_hint": asked["lti_message_hint"],
                "nonce": secrets.token_hex(8),
                "state": "the state",
            }
            url = f"{self.description['platform']['auth_url']}?{urlencode(query)}"
            answer = redirect(url, 302)
            cookie = "toy=1; Secure; HttpOnly; SameSite=None; Partitioned; Path=/"
            answer.headers.add("Set-Cookie", cookie)
            return answer

        @app.post("/lti/launch")
        def launch() -> Any:
            if "error" in request.form:
                return dict(request.form), 400
            claims = self.read(request.form["id_token"])
            if claims[f"{CLAIM}/message_type"] == "LtiDeepLinkingRequest":
                url = claims[f"{DEEP_LINK}/deep_linking_settings"]["deep_link_return_url"]
                return render_template_string(FORM, url=url, token=self.selection(claims))
            state = request.form.get("state")
            return {"claims": claims, "cookies": dict(request.cookies), "state": state}

        return app
