"""For pages in a browser without cookies: a token again, and codes for the next address."""

from flask import Blueprint, Response, jsonify

from mentorai.core.engine import Engine
from mentorai.core.errors import SessionRejected
from mentorai.web.gate import is_carried, visitor
from mentorai.web.page_tokens import issue_token


class CarriedPages:
    """What a page asks for that holds its own token."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, embed: Blueprint) -> None:
        """Put the addresses on the blueprint."""
        embed.add_url_rule("/token", "renew_token", self.renew_token, methods=["POST"])
        embed.add_url_rule("/code", "issue_code", self.issue_code, methods=["POST"])

    def renew_token(self) -> Response:
        """A token that lives for another hour."""
        _refuse_cookies()
        return jsonify({"token": issue_token(visitor().id)})

    def issue_code(self) -> Response:
        """A code for the address of the next page."""
        _refuse_cookies()
        return jsonify({"code": self._engine.sessions.issue_handoff(visitor().id)})


def _refuse_cookies() -> None:
    # A browser that shows a cookie needs neither; what it does not need it does not get.
    if not is_carried():
        raise SessionRejected
