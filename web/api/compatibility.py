"""mentorAI's own paths, so that programs written for it need another address and another key only.

Thin: each does what the path of ours beside it does, by the same rooms, keys and scopes, and
answers in the shape that mentorAI's Python SDK reads. They are no part of our description: what
mentorAI's own describes is not ours to promise (docs/how-to-move-from-mentorai.md lists them).

The key says whose call it is. `org` must be the slug of its organization; an installation that
never named one (`default`) answers to any. `user` is taken as it comes and means nothing.
"""

import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mentorai.core.datasets import Dataset
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.identifiers import is_id, new_id
from mentorai.core.mentors import Mentor
from mentorai.core.values import Event, SourcesEvent, StartEvent
from mentorai.web.api.bodies import check_address, read_object, reject
from mentorai.web.api.chat import PAGE_CHARACTERS, DocumentId
from mentorai.web.api.dataset_bodies import Sent, fetch, read_file
from mentorai.web.api.replies import public_url
from mentorai.web.api.shapes import GivenMetadata
from mentorai.web.api.sources import make_locate
from mentorai.web.auth import (
    admit_key,
    author,
    bound_mentor,
    caller,
    get_engine,
    name_mentor,
    read_key_text,
)
from mentorai.web.streams import stream_events

UNNAMED = "default"
TEMPLATES = ("ai-mentor", "mentorAI")
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
PAGE_SIZE, PAGE_SIZE_LIMIT = 50, 200
MENTOR_PATH = "/ai-mentor/orgs/<org>/users/<user>"
INDEX_PATH = "/ai-index/orgs/<org>/users/<user>/documents"

api = Blueprint("compatibility", __name__, url_prefix="/api")
api.before_request(check_address)


class NewMentor(BaseModel):
    """The settings of a mentor to make; of mentorAI's hundred, those that there are here."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    template_name: str
    new_mentor_name: str = Field(min_length=1, max_length=100)
    display_name: str | None = Field(default=None, min_length=1, max_length=100)
    description: str | None = None
    mentor_description: str | None = None
    system_prompt: str | None = None
    proactive_prompt: str | None = None
    suggested_prompts: list[str] | None = Field(default=None, max_length=8)


class Question(BaseModel):
    """A message to a mentor, as the chat's socket and stream take it."""

    model_config = ConfigDict(hide_input_in_errors=True)

    class Flow(BaseModel):
        """Which mentor."""

        name: str = Field(min_length=1, max_length=200)
        tenant: str = Field(default="", max_length=200)

    flow: Flow
    session_id: str = Field(min_length=1, max_length=100)
    prompt: str = Field(min_length=1)
    page_content: str = Field(default="", max_length=PAGE_CHARACTERS)
    metadata: GivenMetadata = Field(default_factory=dict)
    document_filter: list[DocumentId | int] | None = Field(default=None, max_length=100)


class _Tokens:
    """The events of an answer that mentorAI's programs know. Closing it ends the turn."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        while isinstance(event := next(self._events), StartEvent | SourcesEvent):
            pass
        return event

    def close(self) -> None:
        """End the turn."""
        self._events.close()  # type: ignore[attr-defined]


@api.post(f"{MENTOR_PATH}/mentor-with-settings/", strict_slashes=False)
def make_mentor(org: str, user: str) -> tuple[Response, int]:
    """POST /api/v1/mentors: make a mentor."""
    _come_in("mentors:provision", org)
    body = read_object()
    try:
        asked = NewMentor.model_validate(body)
    except ValidationError as error:
        reject(error)
    if asked.template_name not in TEMPLATES:
        raise InputRejected({"template_name": [f"One of {', '.join(TEMPLATES)}, please."]})
    facts = {
        "description": asked.description or asked.mentor_description,
        "system_prompt": asked.system_prompt,
        "proactive_prompt": asked.proactive_prompt,
        "suggested_prompts": asked.suggested_prompts,
    }
    made = get_engine().mentors.add(
        caller().organization_id,
        asked.display_name or asked.new_mentor_name,
        author=author(),
        **{name: value for name, value in facts.items() if value is not None},
    )
    ignored = sorted(asked.model_extra or ())
    return jsonify(_describe_mentor(made, org, user) | {"ignored_settings": ignored}), 201


@api.post(f"{INDEX_PATH}/train/", strict_slashes=False)
def train(org: str, user: str) -> Response:  # noqa: ARG001 - mentorAI's path has it
    """POST /api/v1/datasets: add a document to the mentor that `pathway` names."""
    _come_in("datasets:write", org)
    form = request.form if request.mimetype in FORMS else read_object()
    _name_mentor(str(form.get("pathway") or ""))
    sent = _read_sent(str(form.get("type") or "file"), form)
    taken = get_engine().trainings.submit(
        *bound_mentor(), sent.name, sent.media_type, sent.stream, author=author(), url=sent.url
    )
    message = "The document is trained." if taken.training_status == "trained" else "It is queued."
    return jsonify({"document_id": taken.id, "task_id": taken.id, "message": message})


@api.get(f"{INDEX_PATH}/pathways/<pathway>/", strict_slashes=False)
def list_documents(org: str, user: str, pathway: str) -> Response:
    """GET /api/v1/datasets: the documents of a mentor and whether they are trained."""
    _come_in("datasets:read", org)
    mentor = _name_mentor(pathway)
    limit = min(request.args.get("limit", PAGE_SIZE, type=int), PAGE_SIZE_LIMIT)
    offset = request.args.get("offset", 0, type=int)
    if limit < 1 or offset < 0:
        raise InputRejected({"limit": ["At least 1, please, and an offset of at least 0."]})
    wanted = request.args.get("search", "").casefold()
    everything = [
        one for one in get_engine().datasets.list(*bound_mentor()) if wanted in one.name.casefold()
    ]
    page = everything[offset : offset + limit]
    more = offset + limit < len(everything)
    return jsonify(
        {
            "count": len(everything),
            "next": _page_url(limit, offset + limit) if more else None,
            "previous": _page_url(limit, max(0, offset - limit)) if offset else None,
            "results": [_describe_document(one, mentor, org, user) for one in page],
        }
    )


@api.post(f"{MENTOR_PATH}/sessions/", strict_slashes=False)
def open_session(org: str, user: str) -> Response:  # noqa: ARG001 - mentorAI's path has it
    """POST /api/v1/sessions: the name of a session, which its first message begins.

    mentorAI's SDK sends no key here. So nothing is written, and nothing is said of any mentor: the
    name is a fresh one, and means something only beside a key, with the first message.
    """
    if read_key_text(request.environ) is not None:
        _come_in("sessions:write", org)
        _name_mentor(str(read_object().get("mentor") or ""))
    return jsonify(
        {"session_id": new_id(), "tools": [], "enable_artifacts": False, "artifacts": []}
    )


@api.post("/agent/chat/", strict_slashes=False)
@api.post("/mentor/chat/", strict_slashes=False)
def ask() -> Response:
    """POST /api/v1/chat: ask a mentor; frames of `data` and at last `eos`, as events."""
    _check_key("chat:write")
    try:
        asked = Question.model_validate(read_object())
    except ValidationError as error:
        reject(error)
    _check_organization(asked.flow.tenant or UNNAMED)
    _name_mentor(asked.flow.name)
    if not is_id(asked.session_id):
        raise NotFound("There is no such session.")
    document_ids = _find_documents(asked.document_filter or ())
    organization_id, mentor_id = bound_mentor()
    engine, key_id = get_engine(), caller().id
    begun = engine.conversations.begin(organization_id, mentor_id, asked.session_id, key_id=key_id)
    events = engine.chat.answer(
        organization_id=organization_id,
        mentor_id=mentor_id,
        message=asked.prompt,
        conversation_id=begun.id,
        key_id=key_id,
        document_ids=document_ids,
        page_content=asked.page_content,
        metadata=asked.metadata,
    )
    return stream_events(_Tokens(events), make_locate())


def _come_in(scope: str, org: str) -> None:
    """Check the key, and that it is of the organization that the path names."""
    _check_key(scope)
    _check_organization(org)


def _check_key(scope: str) -> None:
    admit_key(scope, f"{request.method} {request.url_rule}")


def _check_organization(org: str) -> None:
    slug = get_engine().organizations.get_slug(caller().organization_id)
    if slug not in (UNNAMED, org):
        raise NotFound("There is no such organization.")


def _name_mentor(name: str) -> Mentor:
    """The mentor of this id, slug or name, kept as the one that this request is about."""
    mentors, organization_id = get_engine().mentors, caller().organization_id
    try:
        name_mentor(name)
    except NotFound:
        called = [one for one in mentors.list(organization_id) if one.display_name == name]
        if len(called) != 1:
            raise
        name_mentor(called[0].id)
    return mentors.get(*bound_mentor())


def _find_documents(named: Sequence[str | int]) -> list[str]:
    """The ids of the documents that are named by id, or by the number that lists give them."""
    if not named:
        return []
    ids: dict[str | int, str] = {}
    for one in get_engine().datasets.list(*bound_mentor()):
        ids |= {one.id: one.id, _number(one.id): one.id}
    if not set(named) <= ids.keys():
        raise NotFound("There is no such document.")
    return [ids[name] for name in named]


def _read_sent(kind: str, form: Any) -> Sent:
    if kind == "file":
        file = request.files.get("file")
        if file is None or not file.filename:
            raise InputRejected({"file": ["A file with a name, please."]})
        return read_file(file, file.filename)
    if kind in ("url", "html", "pdf"):
        return fetch(str(form.get("url") or ""), None)
    if kind == "text":
        text = str(form.get("text") or "")
        return Sent(text.strip()[:60] or "text", "text/markdown", io.BytesIO(text.encode()))
    raise InputRejected({"type": ["Here `file`, `url` and `text` are taken."]})


def _page_url(limit: int, offset: int) -> str:
    query = request.args.to_dict() | {"limit": str(limit), "offset": str(offset)}
    return public_url(f"{request.path}?{urlencode(query)}")


def _describe_mentor(mentor: Mentor, org: str, user: str) -> dict[str, Any]:
    return {
        "id": _number(mentor.id),
        "unique_id": mentor.id,
        "name": mentor.display_name,
        "display_name": mentor.display_name,
        "slug": mentor.slug,
        "platform": org,
        "description": mentor.description,
        "system_prompt": mentor.system_prompt,
        "proactive_prompt": mentor.proactive_prompt,
        "suggested_prompts": list(mentor.suggested_prompts),
        "template_name": TEMPLATES[0],
        "allow_anonymous": False,
        "metadata": {},
        "created_by": user,
        "created_at": _time(mentor.created_at),
        "updated_at": _time(mentor.updated_at),
    }


def _describe_document(dataset: Dataset, mentor: Mentor, org: str, user: str) -> dict[str, Any]:
    # mentorAI has no word for "at this moment".
    status = "pending" if dataset.training_status == "training" else dataset.training_status
    return {
        "id": _number(dataset.id),
        "document_id": dataset.id,
        "document_name": dataset.name,
        "document_type": dataset.media_type,
        "username": user,
        "platform_key": org,
        "pathway": mentor.id,
        "url": dataset.url or None,
        "tokens": None,
        "training_status": status,
        "is_trained": status == "trained",
        "error": dataset.error,
        "access": dataset.access,
        "metadata": {},
        "last_trained_at": _time(dataset.trained_at),
    }


def _number(unique_id: str) -> int:
    """A number for what has one at mentorAI: 52 bits of the id, so that JavaScript can hold it."""
    return int(unique_id.replace("-", "")[:13], 16)


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
