"""The student's pages, under /s/<session_id>/: the conversation, its sources, and quizzes."""

from typing import Any

from flask import Blueprint, request

from mentorai.core.engine import Engine
from mentorai.web.embed.carried import CarriedPages
from mentorai.web.embed.chat import ChatPages
from mentorai.web.embed.leaving import LeavingPages
from mentorai.web.embed.quiz import QuizPages
from mentorai.web.embed.review import ReviewPages
from mentorai.web.gate import carry, enter, visitor


def make_embed(engine: Engine) -> Blueprint:
    """The pages of one session; mount them at /s/<session_id>."""
    embed = Blueprint("embed", __name__)

    @embed.before_request
    def come_in() -> None:
        enter(engine, (request.view_args or {}).pop("session_id", ""))

    @embed.url_defaults
    def give_session(_endpoint: str, values: dict[str, Any]) -> None:
        if "session_id" not in values:
            values["session_id"] = visitor().id

    carry(engine, embed)
    ChatPages(engine).route(embed)
    QuizPages(engine).route(embed)
    ReviewPages(engine).route(embed)
    CarriedPages(engine).route(embed)
    LeavingPages(engine).route(embed)
    return embed
