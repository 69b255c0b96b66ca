"""The API tab: make a key, see it once, stop it, end it."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import Conflict, InputRejected
from mentorai.core.keys import SCOPES, TEMPLATES
from mentorai.web.admin.desk import desk, mentor

# A key that can ask and read, and change nothing, until its maker ticks more.
FIRST_SCOPES = ("mentor:read", "chat:write", "datasets:read", "quizzes:read", "grades:read")

Page = Response | str | tuple[str, int]


class KeyPages:
    """The keys of one mentor."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        base = "/mentors/<mentor>/api"
        admin.add_url_rule(base, "keys", self.keys)
        admin.add_url_rule(f"{base}/new", "new_key", self.new_key, methods=["GET", "POST"])
        admin.add_url_rule(f"{base}/created", "key_gone", self.key_gone)
        admin.add_url_rule(f"{base}/created", "create_key", self.create_key, methods=["POST"])
        admin.add_url_rule(
            f"{base}/<key_id>/deactivate", "deactivate_key", self.deactivate_key, methods=["POST"]
        )
        admin.add_url_rule(
            f"{base}/<key_id>/activate", "activate_key", self.activate_key, methods=["POST"]
        )
        admin.add_url_rule(f"{base}/<key_id>/delete", "doubt_key", self.doubt_key)
        admin.add_url_rule(
            f"{base}/<key_id>/delete", "delete_key", self.delete_key, methods=["POST"]
        )

    def keys(self) -> str:
        """The list."""
        return render_template(
            "admin/keys.html",
            keys=self._engine.keys.list(*_place()),
            plain=SCOPES,
            now=now(),
        )

    def new_key(self) -> str:
        """The form; a POST only fills in the scopes that go together and keeps the rest."""
        template = request.form.get("template", "")
        given = _read_form() if request.method == "POST" else {}
        if template in TEMPLATES:
            given["scopes"] = TEMPLATES[template]
        return self._form(given, {})

    def create_key(self) -> Page:
        """Make the key and show it, this once."""
        given = _read_form()
        errors: Mapping[str, Sequence[str]]
        try:
            issued = self._engine.keys.issue(
                *_place(),
                name=given["name"],
                scopes=given["scopes"],
                expires_at=_read_last_day(given),
                never=given["never"],
                author=desk().author,
                once=given["once"] or None,
            )
        except InputRejected as error:
            errors = error.errors
        except Conflict as error:
            return render_template("admin/key_gone.html", message=error.message), 409
        else:
            return render_template(
                "admin/key_made.html",
                key=issued.key,
                text=issued.text,
                plain=SCOPES,
                address=f"{self._engine.settings.public_url}/api/v1/key",
            )
        return self._form(given, errors), 422

    def key_gone(self) -> Page:
        """A key is shown in the answer to the form and never again."""
        message = "A key is shown once, right after it is made."
        return render_template("admin/key_gone.html", message=message), 410

    def deactivate_key(self, key_id: str) -> Page:
        """Stop a key for now."""
        self._engine.keys.deactivate(*_place(), key_id, desk().author)
        return redirect(url_for(".keys", done="deactivated"), 303)

    def activate_key(self, key_id: str) -> Page:
        """Let a key work again."""
        self._engine.keys.activate(*_place(), key_id, desk().author)
        return redirect(url_for(".keys", done="activated"), 303)

    def doubt_key(self, key_id: str) -> str:
        """Ask whether the key shall really go."""
        key = self._engine.keys.get(*_place(), key_id)
        return render_template(
            "admin/confirm.html",
            title=f"Delete the key “{key.name}”?",
            warning="Whatever uses it stops working at once, and it cannot be brought back. "
            "To stop it for a while only, deactivate it.",
            action="Delete key",
            back=url_for(".keys"),
        )

    def delete_key(self, key_id: str) -> Page:
        """End a key for good."""
        self._engine.keys.delete(*_place(), key_id, desk().author)
        return redirect(url_for(".keys", done="deleted"), 303)

    def _form(self, given: Mapping[str, Any], errors: Mapping[str, Sequence[str]]) -> str:
        settings = self._engine.settings
        today = now().date()
        usual = today + timedelta(days=min(settings.key_days, settings.key_max_days))
        defaults = {
            "name": "",
            "last_day": usual.isoformat(),
            "scopes": FIRST_SCOPES,
            "never": False,
            "once": secrets.token_urlsafe(16),
        }
        return render_template(
            "admin/key_new.html",
            given=defaults | {name: value for name, value in given.items() if value != ""},
            errors=errors,
            earliest=today.isoformat(),
            latest=(today + timedelta(days=settings.key_max_days)).isoformat(),
            may_last=settings.key_never_expires,
            plain=SCOPES,
            templates=TEMPLATES,
        )


def _place() -> tuple[str, str]:
    return mentor().organization_id, mentor().id


def _read_form() -> dict[str, Any]:
    form = request.form
    return {
        "name": form.get("name", ""),
        "last_day": form.get("last_day", ""),
        "time_zone": form.get("time_zone", ""),
        "never": form.get("never") == "yes",
        "scopes": tuple(form.getlist("scopes")),
        "once": form.get("once", "")[:100],
    }


def _read_last_day(given: Mapping[str, Any]) -> datetime | None:
    """The end of the last day, in the zone of the person who chose it."""
    if given["never"]:
        return None
    try:
        day = date.fromisoformat(given["last_day"])
    except ValueError as error:
        raise InputRejected({"expires_at": ["Choose a date, please."]}) from error
    try:
        return datetime.combine(day, time(23, 59, 59), _find_zone(given["time_zone"])).astimezone(
            UTC
        )
    except OverflowError as error:
        raise InputRejected({"expires_at": ["This date is too far away."]}) from error


def _find_zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
