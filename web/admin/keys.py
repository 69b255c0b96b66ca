"""The API tab: make a key, see it once, rotate it, stop it, end it; and the same for campus IT.

A mentor's keys are its staff's and IT's; the organization's own, which make mentors, are IT's.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.audit import AuditEntry
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import Conflict, InputRejected
from mentorai.core.key_rows import Kind
from mentorai.core.key_rules import is_name
from mentorai.core.key_uses import month_of
from mentorai.core.keys import OVERLAPS, IssuedKey
from mentorai.core.scopes import PROVISIONING_SCOPES, PROVISIONING_TEMPLATES, SCOPES, TEMPLATES
from mentorai.web.admin.desk import desk, mentor
from mentorai.web.admin.key_forms import offer, read_form, read_number, read_request

Page = Response | str | tuple[str, int]
Errors = Mapping[str, Sequence[str]]

USE_DAYS = 30
PAGE_SIZE = 50
# The usual overlap: a day is enough to change a deployment, and short enough to be remembered.
USUAL_OVERLAP_SECONDS = 86400
# For so long before its end a key is marked in the list.
WARNING = timedelta(days=14)


class KeyPages:
    """The keys of one mentor."""

    base = "/mentors/<mentor>/api"
    prefix = ""
    kind: Kind = "mentor"
    scopes: Mapping[str, str] = SCOPES
    templates: Mapping[str, tuple[str, ...]] = TEMPLATES

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        gets: Mapping[str, Callable[..., Page]] = {
            "": self.keys,
            "/new": self.new_key,
            "/created": self.key_gone,
            "/history": self.key_history,
            "/<key_id>": self.key,
            "/<key_id>/rotate": self.ask_rotation,
            "/<key_id>/delete": self.doubt_key,
        }
        posts: Mapping[str, Callable[..., Page]] = {
            "/new": self.fill_key,
            "/created": self.create_key,
            "/<key_id>/rotate": self.rotate_key,
            "/<key_id>/deactivate": self.deactivate_key,
            "/<key_id>/activate": self.activate_key,
            "/<key_id>/delete": self.delete_key,
        }
        for method, rules in (("GET", gets), ("POST", posts)):
            for rule, view in rules.items():
                name = self.prefix + view.__name__
                admin.add_url_rule(self.base + rule, name, view, methods=[method])

    def keys(self) -> str:
        """The list."""
        found = self._engine.keys.list(*self._place())
        soon = now() + WARNING
        ending = [
            key
            for key in found
            if key.state == "active"
            and not key.replaced_by
            and key.expires_at
            and key.expires_at <= soon
        ]
        return self._show("keys", keys=found, ending=ending, now=now())

    def key(self, key_id: str) -> str:
        """One key: its settings, and how it is used."""
        key = self._engine.keys.get(*self._place(), key_id)
        uses = self._engine.keys.uses
        days = uses.list_days(key.id, USE_DAYS)
        return self._show(
            "key",
            key=key,
            days=days,
            most=max((calls for _, calls in days), default=0),
            total=sum(calls for _, calls in days),
            routes=uses.list_routes(key.id, USE_DAYS),
            this_month=uses.count_since(key.id, month_of(now())),
            usual_limit=self._engine.settings.key_calls_per_minute,
        )

    def key_history(self) -> str:
        """Who did what to the keys, newest first."""
        page = max(1, request.args.get("page", 1, type=int))
        organization_id, mentor_id = self._place()
        count, entries = self._engine.audit.list(
            organization_id, mentor_id, topic="key_", page=min(page, 10_000), page_size=PAGE_SIZE
        )
        names = {entry.actor: self._name(entry) for entry in entries}
        pages = max(1, -(-count // PAGE_SIZE))
        return self._show("key_history", entries=entries, names=names, page=page, pages=pages)

    def new_key(self) -> str:
        """The form, with the settings of another key if the address names one."""
        like = request.args.get("like")
        key = self._engine.keys.get(*self._place(), like) if like else None
        policy = self._engine.keys.policies.get(desk().organization_id)
        return self._form(offer(policy, self._allowed(), key), {})

    def fill_key(self) -> str:
        """The form again, with the scopes that go together and the rest as it was."""
        given = read_form()
        template = request.form.get("template", "")
        if template in self.templates:
            allowed = self._allowed()
            given["scopes"] = [scope for scope in self.templates[template] if scope in allowed]
        return self._form(given, {})

    def create_key(self) -> Page:
        """Make the key and show it, this once."""
        given = read_form()
        try:
            issued = self._engine.keys.issue(
                *self._place(), kind=self.kind, author=desk().author, **read_request(given)
            )
        except InputRejected as error:
            return self._form(given, error.errors), 422
        except Conflict as error:
            return self._show("key_gone", message=error.message), 409
        return self._show_once(issued)

    def key_gone(self) -> Page:
        """A key is shown in the answer to the form and never again."""
        return self._show("key_gone", message="A key is shown once, right after it is made."), 410

    def ask_rotation(self, key_id: str) -> str:
        """Ask how long the old key shall go on working."""
        return self._rotation(key_id, {})

    def rotate_key(self, key_id: str) -> Page:
        """Make a key in this one's place and show it, this once."""
        keys, place = self._engine.keys, self._place()
        try:
            seconds = read_number(request.form.get("overlap_seconds", ""), "overlap_seconds")
            issued = keys.rotate(
                *place,
                key_id,
                overlap_seconds=-1 if seconds is None else seconds,
                author=desk().author,
            )
        except InputRejected as error:
            return self._rotation(key_id, error.errors), 422
        except Conflict as error:
            return self._show("key_gone", message=error.message), 409
        return self._show_once(issued)

    def deactivate_key(self, key_id: str) -> Page:
        """Stop a key for now."""
        self._engine.keys.deactivate(*self._place(), key_id, desk().author)
        return self._go_back("deactivated")

    def activate_key(self, key_id: str) -> Page:
        """Let a key work again."""
        self._engine.keys.activate(*self._place(), key_id, desk().author)
        return self._go_back("activated")

    def doubt_key(self, key_id: str) -> str:
        """Ask whether the key shall really go."""
        return self._doubt(key_id, {})

    def delete_key(self, key_id: str) -> Page:
        """End a key for good, if its name was typed."""
        key = self._engine.keys.get(*self._place(), key_id)
        if not is_name(request.form.get("name", ""), key.name):
            return self._doubt(key_id, {"name": ["This is not the name of the key."]}), 422
        self._engine.keys.delete(*self._place(), key_id, desk().author)
        return self._go_back("deleted")

    def _place(self) -> tuple[str, str | None]:
        return mentor().organization_id, mentor().id

    def _allowed(self) -> list[str]:
        policy = self._engine.keys.policies.get(desk().organization_id)
        return [scope for scope in self.scopes if scope in policy.scopes]

    def _at(self, view: str, **values: Any) -> str:
        return url_for(f".{self.prefix}{view}", **values)

    def _go_back(self, done: str) -> Response:
        return redirect(self._at("keys", done=done), 303)

    def _show(self, template: str, **facts: Any) -> str:
        return render_template(
            f"admin/{template}.html",
            at=self._at,
            plain={**SCOPES, **PROVISIONING_SCOPES},
            kind=self.kind,
            active=self.prefix + "keys",
            **facts,
        )

    def _show_once(self, issued: IssuedKey) -> str:
        address = f"{self._engine.settings.public_url}/api/v1/key"
        return self._show("key_made", key=issued.key, text=issued.text, address=address)

    def _rotation(self, key_id: str, errors: Errors) -> str:
        key = self._engine.keys.get(*self._place(), key_id)
        return self._show(
            "key_rotate",
            key=key,
            overlaps=OVERLAPS,
            usual=USUAL_OVERLAP_SECONDS,
            errors=errors,
        )

    def _doubt(self, key_id: str, errors: Errors) -> str:
        key = self._engine.keys.get(*self._place(), key_id)
        return self._show("key_delete", key=key, errors=errors)

    def _form(self, given: Mapping[str, Any], errors: Errors) -> str:
        policy = self._engine.keys.policies.get(desk().organization_id)
        allowed = self._allowed()
        today = now().date()
        return self._show(
            "key_new",
            given=given,
            errors=errors,
            earliest=today.isoformat(),
            latest=(today + timedelta(days=policy.max_days)).isoformat(),
            may_last=policy.may_never_expire,
            offered={scope: self.scopes[scope] for scope in allowed},
            templates={
                name: [scope for scope in scopes if scope in allowed]
                for name, scopes in self.templates.items()
                if set(scopes) & set(allowed)
            },
            usual_limit=self._engine.settings.key_calls_per_minute,
        )

    def _name(self, entry: AuditEntry) -> str:
        """Who did it, by name where there is one."""
        sort, _, number = entry.actor.partition(":")
        if sort == "person":
            person = self._engine.people.find(entry.organization_id, number)
            return (person and (person.name or person.email)) or "Somebody of the course"
        return "Campus IT" if sort == "admin" else entry.actor


class OrganizationKeyPages(KeyPages):
    """The organization's own keys, for campus IT."""

    base = "/keys"
    prefix = "organization_"
    kind: Kind = "provisioning"
    scopes = PROVISIONING_SCOPES
    templates = PROVISIONING_TEMPLATES

    def _place(self) -> tuple[str, str | None]:
        return desk().organization_id, None
