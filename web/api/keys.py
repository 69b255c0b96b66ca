"""/keys: API keys, managed by an admin who is signed in here; never by a key.

It is not in the OpenAPI description, which is for callers with a key: docs/api.md has it.
A browser sends its cookie by itself, so what changes something also needs the header X-CSRF-Token
with the value that each answer of this resource brings.
"""

from datetime import datetime

from flask import Response, g, request
from flask_openapi.blueprint import APIBlueprint
from flask_wtf.csrf import CSRFError, ValidationError, generate_csrf, validate_csrf
from pydantic import BaseModel, Field, StrictBool, StrictInt

from mentorai.core.admins import Admin
from mentorai.core.errors import AdminNeeded
from mentorai.core.key_rows import ApiKey
from mentorai.core.keys import IssuedKey
from mentorai.web.admin.desk import find_admin
from mentorai.web.api.bodies import check_address, read_object
from mentorai.web.api.replies import cut_page, no_content, reply, reply_page
from mentorai.web.api.resource import PREFIX
from mentorai.web.api.shapes import ExactId, Instant, Page, PageQuery, Shape
from mentorai.web.auth import get_engine, read_key_text

TOKEN = "X-CSRF-Token"  # noqa: S105 - the header's name
api = APIBlueprint("api_keys", __name__, url_prefix=PREFIX, doc_ui=False)


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

    name: str
    mentor: str | None = Field(default=None, min_length=1, max_length=100)
    scopes: list[str]
    expires_at: Instant | None = Field(default=None, description="None: as usual here.")
    never: StrictBool = Field(default=False, description="Without end, where the policy allows it.")
    allowed_ips: list[str] = Field(default_factory=list)
    rate_limit: StrictInt | None = None
    monthly_quota: StrictInt | None = None


class KeyChange(Shape):
    """What may be changed of a key."""

    active: StrictBool


class Rotation(Shape):
    """How a key is replaced."""

    overlap_seconds: StrictInt = Field(description="0, 3600, 86400 or 604800.")


class KeyEntry(BaseModel):
    """A key without its secret."""

    id: str
    name: str
    kind: str
    mentor: str | None
    scopes: list[str]
    state: str
    hint: str
    author: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_used_ip: str | None
    allowed_ips: list[str]
    rate_limit: int | None
    monthly_quota: int | None
    replaced_by: str | None


class MadeKey(KeyEntry):
    """A key with its text, this once."""

    key: str


class KeyPage(Page):
    """Keys, newest first."""

    results: list[KeyEntry]


@api.before_request
def admit_admin() -> None:
    """Let a signed-in admin through, with a sign that a page of ours sent the request."""
    engine = get_engine()
    admin = None if read_key_text() else find_admin(engine)
    if admin is None:
        raise AdminNeeded
    g.api_admin = admin
    check_address()
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    try:
        validate_csrf(request.headers.get(TOKEN))
    except ValidationError as error:
        raise CSRFError(str(error)) from error
    if request.method != "DELETE":
        read_object()


@api.after_request
def give_token(response: Response) -> Response:
    """Bring the token that the next change needs: no other site can read it here."""
    if "api_admin" in g:
        response.headers[TOKEN] = generate_csrf()
    return response


@api.get("/keys")
def list_keys(query: KeyQuery) -> Response:
    """The keys of a mentor, or the organization's provisioning keys."""
    found = get_engine().keys.list(*_find_place(query.mentor))
    page = [_describe(key) for key in cut_page(found, query.page, query.page_size)]
    return reply_page(KeyPage, page, len(found), query.page, query.page_size)


@api.post("/keys")
def add_key(body: NewKey) -> Response:
    """Make a key; its text is in this answer and nowhere else."""
    facts = body.model_dump(exclude={"mentor"})
    issued = get_engine().keys.issue(
        *_find_place(body.mentor),
        kind="mentor" if body.mentor else "provisioning",
        author=_author(),
        **facts,
    )
    return _reply_once(issued)


@api.get("/keys/<key_id>")
def get_key(path: KeyPath) -> Response:
    """One key."""
    return reply(_describe(_get(path.key_id)))


@api.patch("/keys/<key_id>")
def change_key(path: KeyPath, body: KeyChange) -> Response:
    """Stop a key for now, or let it work again."""
    keys, key = get_engine().keys, _get(path.key_id)
    change = keys.activate if body.active else keys.deactivate
    return reply(_describe(change(key.organization_id, key.mentor_id, key.id, _author())))


@api.delete("/keys/<key_id>")
def delete_key(path: KeyPath) -> Response:
    """End a key for good."""
    key = _get(path.key_id)
    get_engine().keys.delete(key.organization_id, key.mentor_id, key.id, _author())
    return no_content()


@api.post("/keys/<key_id>/rotate")
def rotate_key(path: KeyPath, body: Rotation) -> Response:
    """Make a key with the same settings in this one's place; its text is in this answer alone."""
    key = _get(path.key_id)
    issued = get_engine().keys.rotate(
        key.organization_id,
        key.mentor_id,
        key.id,
        overlap_seconds=body.overlap_seconds,
        author=_author(),
    )
    return _reply_once(issued)


def _admin() -> Admin:
    admin: Admin = g.api_admin
    return admin


def _author() -> str:
    return f"admin:{_admin().id}"


def _find_place(mentor: str | None) -> tuple[str, str | None]:
    organization_id = _admin().organization_id
    if mentor is None:
        return organization_id, None
    return organization_id, get_engine().mentors.get(organization_id, mentor).id


def _get(key_id: str) -> ApiKey:
    return get_engine().keys.find(_admin().organization_id, key_id)


def _describe(key: ApiKey) -> KeyEntry:
    return KeyEntry(
        mentor=key.mentor_id,
        **{name: getattr(key, name) for name in KeyEntry.model_fields if name != "mentor"},
    )


def _reply_once(issued: IssuedKey) -> Response:
    entry = _describe(issued.key)
    return reply(MadeKey(key=issued.text, **entry.model_dump()), 201)
