"""The plugin's page. Flask is imported here alone."""

from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify

from mentorai.lti.tool import Tool

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


def make_routes(engine: "Engine") -> Blueprint:
    """The addresses under /lyceum/."""
    routes = Blueprint("lyceum", __name__, url_prefix="/lyceum")

    @routes.get("/addresses")
    def addresses() -> Any:
        """What Lyceum's own configuration import reads; open to everyone, so no secrets."""
        tool = engine.room(Tool)
        return jsonify(login=tool.login_url, launch=tool.launch_url, keys=tool.keyset_url)

    return routes
