"""The way out: a person ends their session, on a computer that others use too."""

from flask import Blueprint, render_template

from mentorai.core.engine import Engine
from mentorai.web.gate import visitor


class LeavingPages:
    """What ends a session before it runs out."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, embed: Blueprint) -> None:
        """Put the address on the blueprint."""
        embed.add_url_rule("/end", "leave", self.leave, methods=["POST"])

    def leave(self) -> str:
        """End the session, whoever else holds its page."""
        self._engine.end_session(visitor(), "signed_out")
        return render_template("embed/left.html")
