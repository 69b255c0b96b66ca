"""The LMSs that are registered here, for campus IT."""

from flask import Blueprint, render_template

from mentorai.core.engine import Engine
from mentorai.web.admin.desk import desk


class PlatformPages:
    """The registrations of one organization."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the page on the blueprint."""
        admin.add_url_rule("/platforms", "platforms", self.platforms)

    def platforms(self) -> str:
        """The list, and the addresses that an LMS asks for."""
        from mentorai.lti.tool import Tool

        tool = self._engine.room(Tool)
        return render_template(
            "admin/platforms.html",
            registrations=tool.registrations.list(desk().organization_id),
            addresses=(
                ("OIDC login initiation URL", tool.login_url),
                ("Redirect URI and target link URI", tool.launch_url),
                ("Public keyset (JWKS) URL", tool.keyset_url),
            ),
        )
