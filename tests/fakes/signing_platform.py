"""A platform at the wire: signs real tokens with a real key, and answers by `responses`."""

import json
import time
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import responses
from joserfc import jws
from joserfc.jwk import RSAKey

ISSUER = "https://lms.example.edu"
CLIENT_ID = "mentor-tool"
DEPLOYMENT = "1"
CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
AGS = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
DEEP_LINKING = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"


@lru_cache
def make_key(kid: str) -> RSAKey:
    """One key pair per name and test process; making one takes long."""
    return RSAKey.generate_key(2048, {"kid": kid})


class SigningPlatform:
    issuer = ISSUER
    client_id = CLIENT_ID
    auth_url = f"{ISSUER}/auth"
    token_url = f"{ISSUER}/token"
    keyset_url = f"{ISSUER}/jwks"
    line_items_url = f"{ISSUER}/2/lineitems?type_id=1"
    line_item_url = f"{ISSUER}/2/lineitems/7/lineitem?type_id=1"
    members_url = f"{ISSUER}/2/members"

    def __init__(self, wire: responses.RequestsMock, public_url: str) -> None:
        self.wire = wire
        self.public_url = public_url
        self.key = make_key("k1")

    def facts(self, **changes: Any) -> dict[str, Any]:
        """What Registrations.add needs."""
        return {
            "issuer": self.issuer,
            "client_id": self.client_id,
            "auth_url": self.auth_url,
            "token_url": self.token_url,
            "keyset_url": self.keyset_url,
            "deployment_ids": [DEPLOYMENT],
        } | changes

    def publish(self, *keys: RSAKey, status: int = 200, body: str | None = None) -> None:
        """Serve a key set, in place of the one before."""
        listed = [
            each.as_dict(private=False, use="sig", alg="RS256") for each in keys or [self.key]
        ]
        body = json.dumps({"keys": listed}) if body is None else body
        self.wire.upsert("GET", self.keyset_url, body=body, status=status)

    def fetches(self) -> int:
        """How often the key set was asked for."""
        return sum(call.request.url == self.keyset_url for call in self.wire.calls)

    def claims(self, nonce: str = "", /, **changes: Any) -> dict[str, Any]:
        """A learner's launch of a graded link, as Moodle would send it.

        changes: short names of claims (`deployment_id`) or whole ones; None leaves a claim out.
        """
        moment = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.client_id,
            "sub": "6",
            "iat": moment,
            "exp": moment + 60,
            "nonce": nonce,
            "name": "Ada Lovelace",
            "given_name": "Ada",
            "family_name": "Lovelace",
            "email": "ada@example.edu",
            f"{CLAIM}message_type": "LtiResourceLinkRequest",
            f"{CLAIM}version": "1.3.0",
            f"{CLAIM}deployment_id": DEPLOYMENT,
            f"{CLAIM}target_link_uri": f"{self.public_url}/lti/launch",
            f"{CLAIM}roles": [f"{MEMBERSHIP}#Learner"],
            f"{CLAIM}resource_link": {"id": "17", "title": "Week 1"},
            f"{CLAIM}context": {"id": "2", "label": "BIO101", "title": "Shore life"},
            f"{CLAIM}tool_platform": {"product_family_code": "moodle", "guid": "g"},
            f"{CLAIM}launch_presentation": {
                "locale": "en",
                "document_target": "iframe",
                "return_url": f"{ISSUER}/return",
            },
            f"{CLAIM}custom": {"chapter": "3", "due": "$ResourceLink.submission.endDateTime"},
            AGS: {
                "lineitems": self.line_items_url,
                "lineitem": self.line_item_url,
                "scope": [f"{SCOPE}lineitem", f"{SCOPE}score"],
            },
            NRPS: {"context_memberships_url": self.members_url, "service_versions": ["2.0"]},
        }
        return edit(claims, changes)

    def deep_linking_claims(self, nonce: str = "", /, **changes: Any) -> dict[str, Any]:
        """An instructor's request to pick content; no target_link_uri, as the suite sends it."""
        base = {
            "message_type": "LtiDeepLinkingRequest",
            "roles": [f"{MEMBERSHIP}#Instructor"],
            "resource_link": None,
            "target_link_uri": None,
            DEEP_LINKING: {
                "deep_link_return_url": f"{ISSUER}/dl-return?course=2",
                "accept_types": ["ltiResourceLink"],
                "accept_presentation_document_targets": ["iframe"],
                "accept_multiple": True,
                "data": "opaque <&> data",
            },
        }
        return edit(self.claims(nonce), base | changes)

    def sign(
        self,
        claims: Any,
        *,
        key: Any = None,
        header: dict[str, Any] | None = None,
        payload: bytes | None = None,
    ) -> str:
        """A compact JWS. header: changes to it, None leaves a name out."""
        key = key or self.key
        head = edit({"typ": "JWT", "alg": "RS256", "kid": key.kid}, header or {}, prefix="")
        body = json.dumps(claims).encode() if payload is None else payload
        registry = jws.JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
        registry.max_header_length = registry.max_payload_length = 10_000_000
        return jws.serialize_compact(head, body, key, registry=registry)

    def grant(self, token: str = "t0ken", **changes: Any) -> None:
        """Serve access tokens; text/html as Moodle has it."""
        body = {"access_token": token, "token_type": "Bearer", "expires_in": 3600} | changes
        self.wire.upsert("POST", self.token_url, body=json.dumps(body), content_type="text/html")

    def token_requests(self) -> list[dict[str, str]]:
        """The forms that were sent to the token endpoint."""
        return [
            dict(parse_qsl(_text(call.request.body)))
            for call in self.wire.calls
            if call.request.url == self.token_url
        ]


def _text(body: bytes | str) -> str:
    return body.decode() if isinstance(body, bytes) else body


def edit(claims: dict[str, Any], changes: dict[str, Any], prefix: str = CLAIM) -> dict[str, Any]:
    """Changed claims; a short name stands for an LTI claim unless it is there as it is."""
    edited = dict(claims)
    for name, value in changes.items():
        plain = name in edited or ":" in name or name in ("azp", "nbf")
        full = name if plain or not prefix else prefix + name
        if value is None:
            edited.pop(full, None)
        else:
            edited[full] = value
    return edited


def read_query(url: str) -> dict[str, str]:
    """The query of an address, each name once."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
