"""The keys that this tool signs with, for campus IT to look at."""

from flask import Blueprint, render_template

from mentorai.core.engine import Engine
from mentorai.lti.keyset_fetches import list_warnings
from mentorai.lti.tool import Tool
from mentorai.web.admin.desk import desk


class ToolKeyPages:
    """The published keys, and who fetched them."""

    def __init__(self, engine: Engine) -> None:
        self._tool = engine.room(Tool)

    def route(self, admin: Blueprint) -> None:
        """Put the page on the blueprint."""
        admin.add_url_rule("/platforms/keys", "tool_keys", self.tool_keys)

    def tool_keys(self) -> str:
        """Every key with what becomes of it; platforms that may not have the newest; fetches."""
        self._tool.tool_keys.read_keyset()
        return render_template(
            "admin/tool_keys.html",
            keys=self._tool.tool_keys.list(),
            warnings=list_warnings(self._tool, desk().organization_id),
            fetches=self._tool.keyset_fetches.list()[:20],
            address=self._tool.keyset_url,
        )
