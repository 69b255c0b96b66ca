"""Our public keys, for platforms."""

import hashlib
import json

from flask import Blueprint, Response, request

from mentorai.core.engine import Engine
from mentorai.lti.tool import Tool

KEYSET_SECONDS = 300


def add_key_routes(routes: Blueprint, engine: Engine) -> None:
    """Put the key set on the blueprint."""
    routes.add_url_rule("/lti/jwks.json", "keyset", KeysetPage(engine).keyset)


class KeysetPage:
    """The JWKS document (RFC 7517, section 5)."""

    def __init__(self, engine: Engine) -> None:
        self._tool = engine.room(Tool)

    def keyset(self) -> Response:
        """The keys, or 304 for who has them; who asked is noted coarsely."""
        body = json.dumps(self._tool.tool_keys.read_keyset(), separators=(",", ":"))
        answer = Response(body, mimetype="application/json")
        answer.headers["Cache-Control"] = f"public, max-age={KEYSET_SECONDS}"
        answer.set_etag(hashlib.sha256(body.encode()).hexdigest()[:32])
        agent = request.headers.get("User-Agent", "")
        self._tool.keyset_fetches.note(agent, request.remote_addr or "")
        answer.make_conditional(request)
        return answer
