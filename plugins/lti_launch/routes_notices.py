"""Where platforms tell of changes by themselves (Platform Notification Service 1.0)."""

from flask import Blueprint, Response, jsonify, request

from mentorai.core.engine import Engine
from mentorai.lti.notices import BODY_BYTES
from mentorai.lti.tool import Tool


def add_notices(routes: Blueprint, engine: Engine) -> None:
    """Put the one address that our handlers name on the blueprint."""
    kept = engine.room(Tool).notices

    def notices() -> Response:
        """Take notices, each a signed token. One that came before is thanked for as well."""
        request.max_content_length = BODY_BYTES
        return jsonify({"new": kept.take(request.get_data())})

    # Posted by another site's server, which has no token of ours; signatures guard it.
    notices.csrf_exempt = True  # type: ignore[attr-defined]
    notices.speaks_json = True  # type: ignore[attr-defined]
    routes.add_url_rule("/lti/notices", view_func=notices, methods=["POST"])
