"""/keys: API keys, managed by an admin; never by a key."""

from datetime import datetime
from typing import Any

from flask import Response, g
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from mentorai.core.key_rows import ApiKey
from mentorai.core.keys import IssuedKey
from mentorai.web.api.replies import cut_page, no_content, reply, reply_page
from mentorai.web.api.resource import Callers, Resource
from mentorai.web.api.shapes import ExactId, Instant, Page, PageQuery, Shape
from mentorai.web.auth import author, caller, get_engine

api = Resource("keys", "API keys, for admins alone.", Callers.ADMINS)

EXAMPLE: dict[str, Any] = {
    "name": "Start of term",
    "scopes": ["mentors:provision", "enrollments:write"],
}


class KeyQuery(PageQuery):
    """Whose keys."""

    mentor: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="A mentor's id or slug; without it the organization's provisioning keys.",
    )


class KeyPath(Shape):
    """Which key."""

    key_id: ExactId


class NewKey(Shape):
    """A key to be made; without a mentor it is a provisioning key."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: str = Field(description="1 to 100 characters; no other key of the mentor has it.")
    mentor: str | None = Field(
        default=None, min_length=1, max_length=100, description="A mentor's id or slug."
    )
    scopes: list[str]
    expires_at: Instant | None = Field(
        default=None, description="None: in 30 days, or what the policy has instead."
    )
    never: StrictBool = Field(default=False, description="Without end, where the policy allows it.")
    allowed_ips: list[str] = Field(
        default_factory=list,
        description="Addresses and networks (IPv4, IPv6, CIDR) that it works from; none: any.",
    )
    rate_limit: StrictInt | None = Field(default=None, description="Calls a minute.")
    monthly_quota: StrictInt | None = Field(default=None, description="Calls a month (UTC).")


class KeyChange(Shape):
    """What may be changed of a key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"active": True}]})

    active: StrictBool


class KeyRotation(Shape):
    """How a key is replaced."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": 3600}]})

    overlap_seconds: StrictInt = Field(
        description="For so long the old key goes on working: 0, 3600, 86400 or 604800."
    )


class KeyEntry(BaseModel):
    """A key without its secret."""

    id: str = Field(description="The public part of its text.")
    name: str
    kind: str = Field(description="`mentor` or `provisioning`.")
    mentor: str | None
    scopes: list[str]
    state: str = Field(description="`active`, `inactive` or `expired`.")
    hint: str = Field(description="Enough of its text to recognise it by.")
    author: str
    created_at: datetime
    expires_at: datetime | None = Field(description="None: never.")
    last_used_at: datetime | None
    last_used_ip: str | None
    allowed_ips: list[str]
    rate_limit: int | None
    monthly_quota: int | None
    replaced_by: str | None = Field(description="The key that a rotation made of it.")


class MadeKey(KeyEntry):
    """A key with its text."""

    key: str | None = Field(
        description="The text, this once: null when an Idempotency-Key repeats the call."
    )


class KeyPage(Page):
    """Keys, newest first."""

    results: list[KeyEntry]


@api.operation("get", "/keys", scope=None, summary="See the keys", returns=KeyPage)
def list_keys(query: KeyQuery) -> Response:
    """The keys of a mentor, or the organization's provisioning keys, without their secrets."""
    found = get_engine().keys.list(*_find_place(query.mentor))
    page = [_describe(key) for key in cut_page(found, query.page, query.page_size)]
    return reply_page(KeyPage, page, len(found), query.page, query.page_size)


@api.operation("post", "/keys", scope=None, summary="Make a key", returns=MadeKey, status=201)
def add_key(body: NewKey) -> Response:
    """Makes a key; its text is in this answer and nowhere else."""
    facts = body.model_dump(exclude={"mentor"})
    issued = get_engine().keys.issue(
        *_find_place(body.mentor),
        kind="mentor" if body.mentor else "provisioning",
        author=author(),
        **facts,
    )
    return _reply_once(issued)


@api.operation("get", "/keys/<key_id>", scope=None, summary="See a key", returns=KeyEntry)
def get_key(path: KeyPath) -> Response:
    """One key of the organization, without its secret."""
    return reply(_describe(_get(path.key_id)))


@api.operation(
    "patch", "/keys/<key_id>", scope=None, summary="Stop or start a key", returns=KeyEntry
)
def change_key(path: KeyPath, body: KeyChange) -> Response:
    """Stops a key for now, or lets it work again. Felt at once, by other processes in a second."""
    keys, key = get_engine().keys, _get(path.key_id)
    change = keys.activate if body.active else keys.deactivate
    return reply(_describe(change(key.organization_id, key.mentor_id, key.id, author())))


@api.operation(
    "delete", "/keys/<key_id>", scope=None, summary="Delete a key", returns=None, status=204
)
def delete_key(path: KeyPath) -> Response:
    """Ends a key for good; the record of what was done with it stays."""
    key = _get(path.key_id)
    get_engine().keys.delete(key.organization_id, key.mentor_id, key.id, author())
    return no_content()


@api.operation(
    "post",
    "/keys/<key_id>/rotate",
    scope=None,
    summary="Rotate a key",
    returns=MadeKey,
    status=201,
)
def rotate_key(path: KeyPath, body: KeyRotation) -> Response:
    """Makes a key with the same settings in this one's place; its text is in this answer alone.

    409 for one that has expired, or was rotated before.
    """
    key = _get(path.key_id)
    issued = get_engine().keys.rotate(
        key.organization_id,
        key.mentor_id,
        key.id,
        overlap_seconds=body.overlap_seconds,
        author=author(),
    )
    return _reply_once(issued)


def _find_place(mentor: str | None) -> tuple[str, str | None]:
    organization_id = caller().organization_id
    if mentor is None:
        return organization_id, None
    return organization_id, get_engine().mentors.get(organization_id, mentor).id


def _get(key_id: str) -> ApiKey:
    return get_engine().keys.find(caller().organization_id, key_id)


def _describe(key: ApiKey) -> KeyEntry:
    return KeyEntry(
        mentor=key.mentor_id,
        **{name: getattr(key, name) for name in KeyEntry.model_fields if name != "mentor"},
    )


def _reply_once(issued: IssuedKey) -> Response:
    facts: dict[str, Any] = _describe(issued.key).model_dump()
    g.kept_body = MadeKey(**facts, key=None).model_dump_json().encode()
    return reply(MadeKey(**facts, key=issued.text), 201)
