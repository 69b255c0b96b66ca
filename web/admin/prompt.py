"""The Prompt tab: how the mentor speaks, and every version of that."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.errors import Conflict, InputRejected
from mentorai.web.admin.desk import desk, mentor

TEXTS = ("display_name", "system_prompt", "proactive_prompt")


class PromptPages:
    """The prompts of one mentor."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        base = "/mentors/<mentor>/prompt"
        admin.add_url_rule(base, "prompt", self.prompt)
        admin.add_url_rule(base, "save_prompt", self.save_prompt, methods=["POST"])
        admin.add_url_rule(f"{base}/restore", "restore_prompt", self.restore, methods=["POST"])

    def prompt(self) -> str:
        """The form and the versions."""
        return self._form(_present(), {})

    def save_prompt(self) -> Response | tuple[str, int]:
        """Keep what was written, unless someone else wrote in the meantime."""
        given: dict[str, Any] = {name: _read_text(name) for name in TEXTS}
        lines = _read_text("suggested_prompts").split("\n")
        given["suggested_prompts"] = [line.strip() for line in lines if line.strip()]
        try:
            self._engine.mentors.change(
                mentor().organization_id,
                mentor().id,
                given,
                author=desk().author,
                seen_at=_read_seen_at(),
            )
        except InputRejected as error:
            return self._form(given, error.errors, seen_at=request.form.get("seen_at", "")), 422
        except Conflict:
            return self._form(given, {}, theirs=_present()), 409
        return redirect(url_for(".prompt", done="saved"), 303)

    def restore(self) -> Response:
        """Put an earlier system prompt back in force."""
        self._engine.mentors.restore_prompt(
            mentor().organization_id,
            mentor().id,
            request.form.get("version", 0, type=int),
            author=desk().author,
        )
        return redirect(url_for(".prompt", done="restored"), 303)

    def _form(
        self,
        given: Mapping[str, Any],
        errors: Mapping[str, Sequence[str]],
        *,
        theirs: Mapping[str, Any] | None = None,
        seen_at: str = "",
    ) -> str:
        return render_template(
            "admin/prompt.html",
            given=given,
            errors=errors,
            theirs=theirs,
            seen_at=seen_at or mentor().updated_at.isoformat(),
            versions=self._engine.mentors.list_prompts(mentor().organization_id, mentor().id),
        )


def _present() -> dict[str, Any]:
    found = mentor()
    return {name: getattr(found, name) for name in (*TEXTS, "suggested_prompts")}


def _read_text(name: str) -> str:
    # A form sends line ends as CR LF.
    return request.form.get(name, "").replace("\r\n", "\n").replace("\0", "").strip()


def _read_seen_at() -> datetime:
    try:
        seen_at = datetime.fromisoformat(request.form.get("seen_at", ""))
    except ValueError as error:
        raise Conflict from error
    if seen_at.tzinfo is None:
        raise Conflict
    return seen_at
