"""/webhooks: where events are sent, and what became of each."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from flask import Response, g
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mentorai.core.errors import NotFound
from mentorai.core.webhook_rows import Delivery, Webhook
from mentorai.core.webhooks import DESCRIPTION_LENGTH, IssuedWebhook
from mentorai.web.api.replies import cut_page, no_content, reply, reply_page
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import LATEST, Changes, ExactId, Id, Page, PageQuery, Shape
from mentorai.web.auth import author, bound_mentor, get_engine
from mentorai.web.webhook_urls import check_webhook_url

api = Resource("webhooks", "Events, sent to other systems.")

SCOPE = "webhooks:manage"
Event = Literal["grade.settled", "dataset.trained", "key.expiring", "launch.refused"]
EXAMPLE: dict[str, Any] = {
    "url": "https://portal.example.edu/mentorai-events",
    "events": ["grade.settled", "dataset.trained"],
    "description": "The portal's grade feed",
}


class WebhookFacts(BaseModel):
    """Where events are sent; the secret is not in it."""

    id: str
    url: str
    events: list[str]
    description: str
    status: str = Field(description="active, paused (by a person) or stopped (by us)")
    failures: int = Field(description="Tries that failed since the last that succeeded.")
    failing_since: datetime | None
    stopped_reason: str
    stopped_at: datetime | None
    created_at: datetime
    updated_at: datetime


class IssuedFacts(WebhookFacts):
    """A webhook with the one sight of its secret."""

    secret: str | None = Field(
        description="Shown this once; empty when a call is repeated by its Idempotency-Key."
    )


class WebhookPage(Page):
    """Webhooks, the newest first."""

    results: list[WebhookFacts]


class DeliveryFacts(BaseModel):
    """One event on its way."""

    id: str = Field(description="Also in the header `webhook-id`, the same at each try.")
    number: int = Field(description="Counts up, one for each delivery of the webhook.")
    event: str
    status: str = Field(description="waiting, sent or failed")
    attempts: int
    next_try_at: datetime | None
    answer_status: int | None = Field(description="Of the last try.")
    error_code: str
    error_message: str
    sent_at: datetime | None
    created_at: datetime


class WholeDelivery(DeliveryFacts):
    """One event on its way, with what is sent."""

    body: dict[str, Any]


class DeliveryPage(Page):
    """Deliveries, the newest first."""

    results: list[DeliveryFacts]


class NewWebhook(Shape):
    """A webhook to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    url: str = Field(
        min_length=1, max_length=2_000, description="https, and on the public internet."
    )
    events: list[Event] = Field(min_length=1, max_length=10)
    description: str = Field(default="", max_length=DESCRIPTION_LENGTH)


class WebhookChanges(Changes):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"events": ["grade.settled"], "status": "active"}]}
    )

    url: str | None = Field(default=None, min_length=1, max_length=2_000)
    events: list[Event] | None = Field(default=None, min_length=1, max_length=10)
    description: str | None = Field(default=None, max_length=DESCRIPTION_LENGTH)
    status: Literal["active", "paused"] | None = Field(
        default=None, description="`active` also starts one that was stopped."
    )


def _check_whole(value: object) -> object:
    # To Python, false is 0.
    if isinstance(value, bool):
        raise ValueError("a whole number, please")
    return value


class Rotation(Shape):
    """How the secret is replaced."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_hours": 24}]})

    overlap_hours: Annotated[Literal[0, 1, 24, 168], BeforeValidator(_check_whole)] = Field(
        default=24,
        description="For so long what is sent is signed with the old secret too.",
    )


class WebhookPath(Shape):
    """Which webhook."""

    webhook_id: Id


class ExactWebhookPath(Shape):
    """Which webhook, by its own id."""

    webhook_id: ExactId


class DeliveryPath(WebhookPath):
    """Which delivery."""

    delivery_id: Id


class DeliveryQuery(PageQuery):
    """Which deliveries."""

    status: Literal["waiting", "sent", "failed"] | None = None


@api.operation("get", "/webhooks", scope=SCOPE, summary="See the webhooks", returns=WebhookPage)
def list_webhooks(query: PageQuery) -> Response:
    """The mentor's webhooks, the newest first."""
    kept = get_engine().webhooks.list(*bound_mentor())
    results = [_describe(one) for one in cut_page(kept, query.page, query.page_size)]
    return reply_page(WebhookPage, results, len(kept), query.page, query.page_size)


@api.operation(
    "post",
    "/webhooks",
    scope=SCOPE,
    summary="Make a webhook",
    returns=IssuedFacts,
    status=201,
    waits=True,
)
def add_webhook(body: NewWebhook) -> Response:
    """Has events sent to an address, each signed with the secret that is in this answer alone."""
    check_webhook_url(get_engine(), body.url)
    issued = get_engine().webhooks.add(
        *bound_mentor(),
        url=body.url,
        events=body.events,
        description=body.description,
        author=author(),
    )
    return _reply_issued(issued, 201)


@api.operation(
    "get", "/webhooks/<webhook_id>", scope=SCOPE, summary="See a webhook", returns=WebhookFacts
)
def get_webhook(path: WebhookPath) -> Response:
    """One webhook."""
    return reply(_describe(_get(path.webhook_id)))


@api.operation(
    "patch",
    "/webhooks/<webhook_id>",
    scope=SCOPE,
    summary="Change a webhook",
    returns=WebhookFacts,
)
def change_webhook(path: WebhookPath, body: WebhookChanges) -> Response:
    """Changes only what the body names, and nothing to null.

    `status` pauses a webhook, or starts it again.
    """
    webhook = _get(path.webhook_id)
    changes = body.model_dump(exclude_none=True)
    if body.url is not None:
        check_webhook_url(get_engine(), body.url)
    if changes:
        webhook = get_engine().webhooks.change(webhook, changes, author=author())
    return reply(_describe(webhook))


@api.operation(
    "delete",
    "/webhooks/<webhook_id>",
    scope=SCOPE,
    summary="Delete a webhook",
    returns=None,
    status=204,
)
def delete_webhook(path: ExactWebhookPath) -> Response:
    """Ends a webhook; its deliveries go too, also those that wait."""
    webhooks = get_engine().webhooks
    webhooks.delete(webhooks.get(*bound_mentor(), path.webhook_id), author=author())
    return no_content()


@api.operation(
    "post",
    "/webhooks/<webhook_id>/rotate",
    scope=SCOPE,
    summary="Give a webhook a new secret",
    returns=IssuedFacts,
)
def rotate_webhook(path: WebhookPath, body: Rotation) -> Response:
    """Replaces the secret; the new one is in this answer alone."""
    issued = get_engine().webhooks.rotate(
        _get(path.webhook_id), author=author(), overlap_hours=body.overlap_hours
    )
    return _reply_issued(issued, 200)


@api.operation(
    "post",
    "/webhooks/<webhook_id>/test",
    scope=SCOPE,
    summary="Try a webhook",
    returns=WholeDelivery,
    status=202,
    reads_json=False,
    waits=True,
)
def test_webhook(path: WebhookPath) -> Response:
    """Sends the event `webhook.test`. 409 if the webhook does not run."""
    return reply(_describe_whole(get_engine().webhooks.test(_get(path.webhook_id))), 202)


@api.operation(
    "get",
    "/webhooks/<webhook_id>/deliveries",
    scope=SCOPE,
    summary="See what was sent",
    returns=DeliveryPage,
)
def list_deliveries(path: WebhookPath, query: DeliveryQuery) -> Response:
    """Deliveries of the last 30 days, and those that wait, the newest first."""
    webhook = _get(path.webhook_id)
    count, some = get_engine().webhooks.list_deliveries(
        webhook, status=query.status, page=query.page, page_size=query.page_size
    )
    results = [_describe_delivery(one) for one in some]
    return reply_page(DeliveryPage, results, count, query.page, query.page_size)


@api.operation(
    "get",
    "/webhooks/<webhook_id>/deliveries/<delivery_id>",
    scope=SCOPE,
    summary="See a delivery",
    returns=WholeDelivery,
)
def get_delivery(path: DeliveryPath) -> Response:
    """One delivery, with its body."""
    webhook = _get(path.webhook_id)
    return reply(_describe_whole(_get_delivery(webhook, path.delivery_id)))


@api.operation(
    "post",
    "/webhooks/<webhook_id>/deliveries/<delivery_id>/replay",
    scope=SCOPE,
    summary="Send a delivery again",
    returns=WholeDelivery,
    status=202,
    reads_json=False,
    waits=True,
)
def replay_delivery(path: DeliveryPath) -> Response:
    """Sends a delivery once more, as it was and under its own id, whatever became of it."""
    webhook = _get(path.webhook_id)
    delivery = _get_delivery(webhook, path.delivery_id)
    return reply(_describe_whole(get_engine().webhooks.replay(webhook, delivery.id)), 202)


def _get(webhook_id: str) -> Webhook:
    webhooks, where = get_engine().webhooks, bound_mentor()
    if webhook_id != LATEST:
        return webhooks.get(*where, webhook_id)
    kept = webhooks.list(*where)
    if not kept:
        raise NotFound("There is no such webhook.")
    return kept[0]


def _get_delivery(webhook: Webhook, delivery_id: str) -> Delivery:
    webhooks = get_engine().webhooks
    if delivery_id != LATEST:
        return webhooks.get_delivery(webhook, delivery_id)
    _, kept = webhooks.list_deliveries(webhook, page_size=1)
    if not kept:
        raise NotFound("There is no such delivery.")
    return kept[0]


def _reply_issued(issued: IssuedWebhook, status: int) -> Response:
    facts = _facts(issued.webhook)
    response = reply(IssuedFacts(**facts, secret=issued.secret), status)
    response.headers["Cache-Control"] = "no-store"
    g.kept_body = IssuedFacts(**facts, secret=None).model_dump_json().encode()
    return response


def _describe(webhook: Webhook) -> WebhookFacts:
    return WebhookFacts(**_facts(webhook))


def _facts(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "description": webhook.description,
        "status": webhook.status,
        "failures": webhook.failures,
        "failing_since": webhook.failing_since,
        "stopped_reason": webhook.stopped_reason,
        "stopped_at": webhook.stopped_at,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
    }


def _describe_delivery(delivery: Delivery) -> DeliveryFacts:
    return DeliveryFacts(**_delivery_facts(delivery))


def _describe_whole(delivery: Delivery) -> WholeDelivery:
    return WholeDelivery(**_delivery_facts(delivery), body=json.loads(delivery.body))


def _delivery_facts(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "number": delivery.number,
        "event": delivery.event,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "next_try_at": delivery.due_at if delivery.status == "waiting" else None,
        "answer_status": delivery.answer_status,
        "error_code": delivery.error_code,
        "error_message": delivery.error_message,
        "sent_at": delivery.sent_at,
        "created_at": delivery.created_at,
    }
