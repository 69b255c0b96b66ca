"""How a tool is added: it registers itself, or the administrator enters what it is by hand.

A tool that registered itself waits until the administrator activates it, one that was entered
does not; from then on launches go to it.
Sources: LTI Dynamic Registration 1.0, sections 2 to 4; RFC 7591, section 3; RFC 7592, section 2.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from threading import Lock
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from mentorai.plugins.sandbox.oidc import GRADE_SCOPES, MEMBERS_READ
from mentorai.plugins.sandbox.personalities import canvas_registration
from mentorai.plugins.sandbox.personalities.traits import ToolAddresses
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import COLLEGE
from mentorai.plugins.sandbox.shelf import Record
from mentorai.plugins.sandbox.wire import HTML, JSON, Call, Refused, Reply

KIND, ACTIVATED = "registered_tool", "activated_tool"
PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration"
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
CANVAS_REFUSAL = "JWT did not include expected contents"
FAMILY_CODES = {"moodle": "moodle", "canvas": "canvas"}
MOODLE_VERSION = "4.5.5+ (Build: 20250613)"
TOKEN_LIFETIME = timedelta(hours=1)
SCOPES = (*GRADE_SCOPES, MEMBERS_READ)
VARIABLES = ("Context.id.history", "ResourceLink.id.history")
# What this LMS says of a registration, and does not take from a tool (RFC 7592, section 2.2).
OURS = (
    "registration_client_uri",
    "registration_access_token",
    "client_id_issued_at",
    "client_secret_expires_at",
)
REQUIRED = ("initiate_login_uri", "redirect_uris", "jwks_uri", "client_name")


class ToolRegistrations:
    """The tools that registered themselves.

    alter_configuration: for tests: changes the configuration just before it is shown.
    """

    def __init__(self, platform: SandboxPlatform) -> None:
        self._platform = platform
        self._lock = Lock()
        self._used: set[str] = set()
        self.alter_configuration: Callable[[dict[str, Any]], dict[str, Any]] | None = None
        kept = platform.shelf.find("meta", ACTIVATED)
        if kept is not None and platform.shelf.find(KIND, kept["client_id"]):
            self.activate(kept["client_id"])

    def begin(self, tool_url: str, client_id: str = "") -> str:
        """The tool's registration link with what it needs to know of this LMS, to be opened.

        client_id: a registered tool that shall register again and stay the same.
        Raises Refused for a link that is not the tool's, a client_id that nobody has, or an LMS
        in which tools do not register themselves.
        """
        if not self._platform.personality.registers:
            raise Refused(404, "In this LMS no tool registers itself.")
        if client_id and self._platform.shelf.find(KIND, client_id) is None:
            raise Refused(404, "There is no such tool.")
        options = self._platform.options
        parts = self._split(tool_url)
        asked = {"openid_configuration": f"{options.base_url}/lti/openid-configuration"}
        if self._platform.behaviour.registration_token:
            asked["registration_token"] = self._issue_token(client_id)
        query = "&".join(part for part in (parts.query, urlencode(asked)) if part)
        return parts._replace(query=query, fragment="").geturl()

    def add(self, tool: ToolAddresses) -> None:
        """Add a tool by what it said of itself, and send launches to it.

        Raises Refused for addresses that are not the tool's.
        """
        for url in (tool.login_url, tool.redirect_url, tool.keyset_url):
            self._split(url)
        launches = self._platform.personality.launches
        client_id = _make_id(launches.client_id)
        record = {
            "client_id": client_id,
            "deployment_id": _make_id(launches.deployment_id),
            "access_token": secrets.token_urlsafe(24),
            "issuer_url": launches.issuer,
            "document": {
                "client_name": tool.name,
                "initiate_login_uri": tool.login_url,
                "redirect_uris": [tool.redirect_url],
                "jwks_uri": tool.keyset_url,
            },
        }
        self._platform.shelf.put(KIND, client_id, record)
        self.activate(client_id)

    def _split(self, tool_url: str) -> SplitResult:
        """An address of the tool in its parts. Raises Refused for another's."""
        try:
            parts = urlsplit(tool_url.strip())
        except ValueError:
            parts = urlsplit("")
        origin = self._platform.options.tool_origin
        if f"{parts.scheme}://{parts.netloc}" != origin:
            raise Refused(422, f"This sandbox shows the tool at {origin} only.")
        return parts

    def describe(self, call: Call) -> Reply:
        """The OpenID configuration of this LMS; to who shows a token only, where it is like Canvas.

        The token stays good for the registration. The issuer is this LMS itself, as in a Canvas of
        one's own that has its own lti_iss: a vendor's name is not taken from just any address.
        """
        options, launches = self._platform.options, self._platform.personality.launches
        if self._is_canvas:
            try:
                self._read_token(call)
            except Refused as refusal:
                return self._refuse(refusal)
        document: dict[str, Any] = {
            "issuer": options.base_url,
            "authorization_endpoint": options.auth_url,
            "token_endpoint": options.token_url,
            "jwks_uri": options.platform_keyset_url,
            "registration_endpoint": f"{options.base_url}/lti/registration",
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", *SCOPES],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["iss", "sub", "name", "given_name", "family_name", "email"],
            PLATFORM: {
                "product_family_code": FAMILY_CODES.get(
                    self._like, launches.registers_as or launches.family_code
                ),
                "version": launches.version,
                "name": COLLEGE,
                "messages_supported": [
                    {"type": "LtiResourceLinkRequest"},
                    {"type": "LtiDeepLinkingRequest", "placements": ["ContentArea"]},
                ],
                "variables": list(VARIABLES),
            },
        }
        if self._is_moodle:
            document["subject_types_supported"] = ["public", "pairwise"]
            document[PLATFORM]["version"] = MOODLE_VERSION
        if self._is_canvas:
            document["authorization_server"] = urlsplit(options.base_url).netloc
            document["scopes_supported"] += canvas_registration.SCOPES
            document[PLATFORM] |= canvas_registration.describe(options.base_url)
        return Reply.of(
            self.alter_configuration(document) if self.alter_configuration else document
        )

    def register(self, call: Call) -> Reply:
        """Take a tool. A refusal is OAuth's JSON, or Moodle's plain words."""
        if call.method != "POST":
            return self._show_to_update(call)
        try:
            client_id = self._take_token(call)
            document = _read_document(call)
            fault = canvas_registration.find_fault(document) if self._is_canvas else ""
            if fault:
                raise Refused(422, fault, rule="document")
        except Refused as refusal:
            return self._refuse(refusal)
        made = {
            "client_id": client_id,
            "deployment_id": secrets.token_hex(4),
            "access_token": secrets.token_urlsafe(24),
            "issuer_url": "",
        }
        known = self._platform.shelf.find(KIND, client_id) or made
        record = known | {"document": document}
        self._platform.shelf.put(KIND, client_id, record)
        return Reply.of(self._show(record), status=201 if self._like == "specification" else 200)

    def _show_to_update(self, call: Call) -> Reply:
        """Where tools register, a token for an update shows what is there to GET, in Moodle."""
        try:
            claims = self._read_token(call) if call.method == "GET" and self._is_moodle else {}
        except Refused as refusal:
            return self._refuse(refusal)
        record = self._platform.shelf.find(KIND, str(claims.get("sub", "")))
        if record is None:
            return self._refuse(Refused(400, "Unsupported operation"))
        return Reply.of(self._show(record))

    def read(self, call: Call, client_id: str) -> Reply:
        """A registration, for the tool that it is of. Raises Refused (401)."""
        return Reply.of(self._show(self._renew_access(self._check_access(call, client_id))))

    def change(self, call: Call, client_id: str) -> Reply:
        """A registration, replaced by the tool that it is of. Raises Refused (400, 401)."""
        record = self._check_access(call, client_id)
        document = _read_document(call)
        if document.get("client_id") != client_id or any(name in document for name in OURS):
            raise Refused(400, "invalid_client_metadata")
        changed = self._renew_access(record | {"document": document})
        if (self._platform.shelf.find("meta", ACTIVATED) or {}).get("client_id") == client_id:
            self.activate(client_id)
        return Reply.of(self._show(changed))

    def list(self) -> Sequence[Record]:
        """Every tool that was added, oldest first.

        is_active: launches go to it. told: what it asked for in Canvas' way, by name.
        """
        active = self._platform.options.client_id
        return [
            record
            | {
                "is_active": record["client_id"] == active,
                "told": canvas_registration.tell(record["document"]),
            }
            for record in self._platform.shelf.list(KIND)
        ]

    def activate(self, client_id: str) -> None:
        """Send launches to this tool from now on. Raises Refused (404)."""
        record = self._platform.shelf.find(KIND, client_id)
        if record is None:
            raise Refused(404, "There is no such tool.")
        document = record["document"]
        self._platform.options = replace(
            self._platform.options,
            client_id=client_id,
            deployment_id=record["deployment_id"],
            login_url=document["initiate_login_uri"],
            redirect_url=document["redirect_uris"][0],
            keyset_url=document["jwks_uri"],
            # Records of before name none.
            issuer_url=record.get("issuer_url", self._platform.options.issuer_url),
        )
        self._platform.shelf.put("meta", ACTIVATED, {"client_id": client_id})

    @property
    def _like(self) -> str:
        return self._platform.behaviour.registration_like

    @property
    def _is_moodle(self) -> bool:
        return self._like == "moodle"

    @property
    def _is_canvas(self) -> bool:
        return self._like == "canvas"

    def _issue_token(self, client_id: str) -> str:
        moment = self._platform.now()
        if self._is_canvas:
            # It says who began, and nothing of the tool.
            claims: dict[str, Any] = {
                "user_id": 1,
                "initiated_at": moment.isoformat(),
                "root_account_global_id": 10_000_000_000_001,
                "uuid": secrets.token_hex(16),
                "exp": int((moment + TOKEN_LIFETIME).timestamp()),
            }
            return self._platform.keys.sign(claims)
        claims = {
            "sub": client_id or f"tool-{secrets.token_hex(6)}",
            "scope": "reg-update" if client_id else "reg",
            "jti": secrets.token_hex(8),
            "iat": int(moment.timestamp()),
            "exp": int((moment + TOKEN_LIFETIME).timestamp()),
        }
        return self._platform.keys.sign(claims)

    def _take_token(self, call: Call) -> str:
        """The client id that the token was made for; each is good once. Raises Refused (401)."""
        if not self._platform.behaviour.registration_token:
            return f"tool-{secrets.token_hex(6)}"
        claims = self._read_token(call)
        token = _read_bearer(call)
        with self._lock:
            if token in self._used:
                raise Refused(401, "token_already_used")
            self._used.add(token)
        return str(claims.get("sub") or f"1000000000000{secrets.randbelow(1000)}")

    def _read_token(self, call: Call) -> dict[str, Any]:
        """What the token of a registration says. Raises Refused (401)."""
        token = _read_bearer(call)
        if not token:
            raise Refused(401, "missing_registration_token")
        if token.count(".") != 2:
            raise Refused(401, "invalid_token", rule="malformed")
        try:
            keys = KeySet.import_key_set(self._platform.keys.published())  # type: ignore[arg-type]
            claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
        except (JoseError, ValueError) as error:
            raise Refused(401, "invalid_token") from error
        if claims.get("exp", 0) <= self._platform.now().timestamp():
            raise Refused(401, "Expired token")
        return dict(claims)

    def _check_access(self, call: Call, client_id: str) -> Record:
        record = self._platform.shelf.find(KIND, client_id)
        if record is None or not secrets.compare_digest(
            _read_bearer(call).encode(), record["access_token"].encode()
        ):
            raise Refused(401, "invalid_token")
        return record

    def _renew_access(self, record: Mapping[str, Any]) -> Record:
        """The record with another access token: each is good once (RFC 7592, section 3)."""
        token = secrets.token_urlsafe(24)
        return self._platform.shelf.put(
            KIND, record["client_id"], {**record, "access_token": token}
        )

    def _show(self, record: Mapping[str, Any]) -> dict[str, Any]:
        document = dict(record["document"])
        own = dict(document.get(TOOL) or {})
        if self._platform.behaviour.registration_deployment:
            own["deployment_id"] = record["deployment_id"]
        if self._is_moodle and isinstance(own.get("custom_parameters"), dict):
            # A value with a sign of its own is shown up to it, and launched whole.
            own["custom_parameters"] = {
                name: str(value).partition("=")[0]
                for name, value in own["custom_parameters"].items()
            }
        if self._is_canvas:
            # There is none before the administrator installs the app in an account or a course.
            own.pop("deployment_id", None)
            config = f"{self._platform.options.base_url}/config"
            own[f"{canvas_registration.OWN}/registration_config_url"] = config
        shown = document | {"client_id": record["client_id"], TOOL: own}
        if self._is_moodle:
            # It lists more than it grants, and lets nobody change anything afterwards.
            own["version"] = MOODLE_VERSION
            return shown | {"scope": " ".join(GRADE_SCOPES)}
        if self._is_canvas:
            return shown
        url = f"{self._platform.options.base_url}/lti/registration/{record['client_id']}"
        return shown | {
            "registration_client_uri": url,
            "registration_access_token": record["access_token"],
        }

    def _refuse(self, refusal: Refused) -> Reply:
        if self._is_moodle and refusal.rule in ("body", "malformed"):
            # What it cannot read at all ends in its page for people.
            return Reply(404, b"<!DOCTYPE html><h1>Invalid request</h1>", HTML)
        if self._is_moodle:
            return Reply(refusal.status, refusal.message.encode(), HTML)
        if self._is_canvas:
            words = refusal.message if refusal.rule == "document" else CANVAS_REFUSAL
            return Reply.of({"errorMessage": words}, status=refusal.status)
        return Reply.of({"error": refusal.message}, status=refusal.status)


def _read_document(call: Call) -> dict[str, Any]:
    """The client registration of a tool. Raises Refused (400) in OAuth's or Moodle's words."""
    document = call.read_json(JSON)
    for name in REQUIRED:
        if not document.get(name):
            raise Refused(400, f"missing required attribute {name}")
    own = document.get(TOOL)
    if not isinstance(own, dict) or not own.get("domain"):
        raise Refused(400, "missing_domain")
    if _find_domain(own.get("target_link_uri")) != own["domain"]:
        raise Refused(400, "domain_targetlinkuri_mismatch")
    if document.get("token_endpoint_auth_method") != "private_key_jwt":
        raise Refused(400, "invalid_token_endpoint_auth_method")
    if "id_token" not in document.get("response_types", ()):
        raise Refused(400, "invalid_response_types")
    if not isinstance(document["redirect_uris"], list):
        raise Refused(400, "invalid_redirect_uris")
    return document


def _make_id(usual: str) -> str:
    """An id that looks as this one does: digits, a UUID, Canvas' `1:` and a hash, or a word."""
    if usual.isdigit():
        return str(secrets.randbelow(10 ** len(usual)) + 10 ** len(usual))
    if _is_uuid(usual):
        return str(uuid4())
    number, colon, word = usual.rpartition(":")
    return f"{number}{colon}{secrets.token_hex(len(word) // 2)}"


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _find_domain(url: object) -> str:
    try:
        return urlsplit(str(url)).netloc
    except ValueError:
        return ""


def _read_bearer(call: Call) -> str:
    kind, _, token = call.headers.get("authorization", "").partition(" ")
    return token.strip() if kind == "Bearer" else ""
