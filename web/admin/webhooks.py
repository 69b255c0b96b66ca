"""The Webhooks tab: where events are sent, and what became of each.

A mentor's own, and at /admin/webhooks the organization's, which campus IT alone has.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.errors import Conflict, InputRejected, NotFound
from mentorai.core.webhook_events import EVENTS
from mentorai.core.webhook_rows import Webhook
from mentorai.core.webhooks import IssuedWebhook
from mentorai.web.admin.desk import desk
from mentorai.web.webhook_urls import check_webhook_url

PAGE_SIZE = 50

Page = Response | str | tuple[str, int]


def count_stopped(engine: Engine) -> int:
    """How many webhooks of what the person looks at were stopped because they failed for long."""
    seat = g.get("desk")
    if seat is None or ("desk_mentor" not in g and seat.session is not None):
        return 0
    return engine.webhooks.count_stopped(*_owner())


class WebhookPages:
    """The webhooks of one mentor, or of the organization."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint, for a mentor and for the organization alike."""
        for base in ("/mentors/<mentor>/webhooks", "/webhooks"):
            one = f"{base}/<webhook_id>"
            admin.add_url_rule(base, "webhooks", self.webhooks)
            admin.add_url_rule(f"{base}/new", "new_webhook", self.new_webhook)
            admin.add_url_rule(f"{base}/made", "add_webhook", self.add, methods=["POST"])
            admin.add_url_rule(one, "webhook", self.webhook)
            admin.add_url_rule(f"{one}/delete", "doubt_webhook", self.doubt)
            admin.add_url_rule(f"{one}/delete", "delete_webhook", self.delete, methods=["POST"])
            admin.add_url_rule(f"{one}/status", "put_webhook_status", self.put, methods=["POST"])
            admin.add_url_rule(f"{one}/secret", "rotate_webhook", self.rotate, methods=["POST"])
            admin.add_url_rule(f"{one}/test", "test_webhook", self.test, methods=["POST"])
            admin.add_url_rule(f"{one}/replay", "replay_delivery", self.replay, methods=["POST"])

    def webhooks(self) -> str:
        """The list."""
        kept = self._engine.webhooks.list(*_owner())
        return render_template("admin/webhooks.html", webhooks=kept, plain=EVENTS)

    def new_webhook(self) -> str:
        """The form."""
        return _form({"url": "", "description": "", "events": []}, {})

    def add(self) -> Page:
        """Make a webhook and show its secret, this once."""
        owner = _owner()
        given: dict[str, Any] = {
            "url": request.form.get("url", "").strip(),
            "description": request.form.get("description", "").strip(),
            "events": request.form.getlist("events"),
        }
        try:
            check_webhook_url(self._engine, given["url"])
            issued = self._engine.webhooks.add(*owner, author=desk().author, **given)
        except InputRejected as error:
            # The core names the events; here they are boxes in plain words.
            told = {"events": ["Tick one or more."]} if "events" in error.errors else {}
            return _form(given, error.errors | told), 422
        except Conflict as error:
            return _form(given, {"": [error.message]}), 409
        return _show_secret(issued)

    def webhook(self, webhook_id: str) -> str:
        """One webhook and its deliveries."""
        webhook = self._get(webhook_id)
        page = max(1, request.args.get("page", 1, type=int))
        page = min(page, 1_000_000)
        count, deliveries = self._engine.webhooks.list_deliveries(
            webhook, page=page, page_size=PAGE_SIZE
        )
        return render_template(
            "admin/webhook.html",
            webhook=webhook,
            deliveries=deliveries,
            plain=EVENTS,
            page=page,
            pages=max(1, -(-count // PAGE_SIZE)),
        )

    def put(self, webhook_id: str) -> Response:
        """Pause a webhook, or start it again."""
        status = request.form.get("status", "")
        if status not in ("active", "paused"):
            raise InputRejected({"status": ["Active or paused, please."]})
        self._engine.webhooks.change(
            self._get(webhook_id), {"status": status}, author=desk().author
        )
        return self._back(webhook_id, "webhook_changed")

    def rotate(self, webhook_id: str) -> Page:
        """Give a webhook a new secret and show it, this once."""
        webhook = self._get(webhook_id)
        return _show_secret(self._engine.webhooks.rotate(webhook, author=desk().author))

    def test(self, webhook_id: str) -> Response:
        """Send an event that says nothing."""
        self._engine.webhooks.test(self._get(webhook_id))
        return self._back(webhook_id, "webhook_tested")

    def replay(self, webhook_id: str) -> Response:
        """Send a delivery again."""
        webhook = self._get(webhook_id)
        self._engine.webhooks.replay(webhook, request.form.get("delivery", ""))
        return self._back(webhook_id, "webhook_replayed")

    def doubt(self, webhook_id: str) -> str:
        """Ask whether the webhook shall really go."""
        webhook = self._get(webhook_id)
        return render_template(
            "admin/confirm.html",
            title="Delete this webhook?",
            warning="Nothing more is sent to it, and the list of what was sent goes too. "
            "To stop it for a while only, pause it.",
            action="Delete webhook",
            back=url_for(".webhook", webhook_id=webhook.id),
        )

    def delete(self, webhook_id: str) -> Response:
        """End a webhook."""
        self._engine.webhooks.delete(self._get(webhook_id), author=desk().author)
        return redirect(url_for(".webhooks", done="webhook_deleted"), 303)

    def _get(self, webhook_id: str) -> Webhook:
        return self._engine.webhooks.get(*_owner(), webhook_id)

    def _back(self, webhook_id: str, done: str) -> Response:
        return redirect(url_for(".webhook", webhook_id=webhook_id, done=done), 303)


def _owner() -> tuple[str, str | None]:
    """Whose webhooks this request's address means. Raises NotFound for what is IT's alone."""
    seat = desk()
    if "desk_mentor" in g:
        return seat.organization_id, g.desk_mentor.id
    if seat.session is not None:
        raise NotFound
    return seat.organization_id, None


def _form(given: Mapping[str, Any], errors: Mapping[str, Sequence[str]]) -> str:
    _owner()
    return render_template("admin/webhook_new.html", given=given, errors=errors, plain=EVENTS)


def _show_secret(issued: IssuedWebhook) -> Response:
    page = render_template(
        "admin/webhook_secret.html", webhook=issued.webhook, secret=issued.secret
    )
    response = Response(page, mimetype="text/html")
    response.headers["Cache-Control"] = "no-store"
    return response
