"""/mentor: the key's mentor, its settings and the versions of its prompt."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import PreconditionFailed

from mentorai.core.differences import find_difference
from mentorai.core.errors import Conflict, NotFound
from mentorai.core.mentors import Mentor, PromptVersion
from mentorai.web.api.replies import (
    check_if_match,
    cut_page,
    make_etag,
    reply,
    reply_page,
    reply_tagged,
    tag,
)
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import Changes, Page, PageQuery, Shape
from mentorai.web.auth import author, bound_mentor, get_engine

api = Resource("mentor", "The mentor that the key is bound to.")


class MentorFacts(BaseModel):
    """A mentor's settings."""

    unique_id: str
    slug: str = Field(description="Its short name.")
    display_name: str
    description: str
    system_prompt: str
    proactive_prompt: str = Field(description="What it says first.")
    suggested_prompts: list[str]
    prompt_version: int = Field(description="The version of the system prompt in force.")
    created_at: datetime
    updated_at: datetime


class MentorSettings(Shape):
    """What may be said of a mentor."""

    display_name: str | None = Field(default=None, min_length=1, max_length=100)
    description: str | None = None
    system_prompt: str | None = Field(
        default=None, description="A changed one becomes a new version."
    )
    proactive_prompt: str | None = None
    suggested_prompts: list[str] | None = Field(default=None, max_length=8)


class MentorChanges(Changes, MentorSettings):
    """What to change; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"suggested_prompts": ["Explain the main idea in simple words."]}]
        }
    )


class PromptFacts(BaseModel):
    """What the system prompt once was."""

    version: int
    system_prompt: str
    author: str
    created_at: datetime


class PromptPage(Page):
    """Versions of the system prompt, newest first."""

    results: list[PromptFacts]


class PromptDifference(BaseModel):
    """What a version of the system prompt changed."""

    version: int
    against: int | None = Field(description="The version it is compared with; None: with nothing.")
    difference: str = Field(description="Lines of a unified diff; empty if they are the same.")


class AgainstQuery(Shape):
    """What to compare a version with."""

    against: int | None = Field(
        default=None, ge=1, le=1_000_000, description="A version; without it, the one before."
    )


class VersionPath(Shape):
    """Which version."""

    version: int = Field(ge=1, le=1_000_000, examples=[1])


@api.operation("get", "/mentor", scope="mentor:read", summary="See the mentor", returns=MentorFacts)
def get_mentor() -> Response:
    """The mentor's settings. ETag names their state; send it back as If-Match to change them."""
    return reply_mentor(get_engine().mentors.get(*bound_mentor()))


@api.operation(
    "patch", "/mentor", scope="mentor:write", summary="Change the mentor", returns=MentorFacts
)
def change_mentor(body: MentorChanges) -> Response:
    """Changes only what the body names, and nothing to null.

    With If-Match, only if nobody changed it since.
    """
    seen = get_engine().mentors.get(*bound_mentor())
    return reply_mentor(change_seen(seen, body.model_dump(exclude_none=True)))


@api.operation(
    "get",
    "/mentor/prompts",
    scope="mentor:read",
    summary="See the versions of the system prompt",
    returns=PromptPage,
)
def list_prompts(query: PageQuery) -> Response:
    """Every version of the system prompt, newest first. The ETag is the mentor's own."""
    mentors = get_engine().mentors
    # First: what changes meanwhile is then told with the older ETag, which no longer matches.
    seen = mentors.get(*bound_mentor())
    kept = mentors.list_prompts(*bound_mentor())
    page = [_describe(version) for version in cut_page(kept, query.page, query.page_size)]
    return tag(reply_page(PromptPage, page, len(kept), query.page, query.page_size), _etag(seen))


@api.operation(
    "get",
    "/mentor/prompts/<int:version>/diff",
    scope="mentor:read",
    summary="Compare system prompts",
    returns=PromptDifference,
)
def compare_prompts(path: VersionPath, query: AgainstQuery) -> Response:
    """What a version changed of the one before it, or of another."""
    kept = {each.version: each for each in get_engine().mentors.list_prompts(*bound_mentor())}
    against = query.against
    if against is None:
        against = max((number for number in kept if number < path.version), default=None)
    elif against not in kept:
        raise NotFound("There is no such version of the prompt.")
    if path.version not in kept:
        raise NotFound("There is no such version of the prompt.")
    older = "" if against is None else kept[against].system_prompt
    newer = kept[path.version].system_prompt
    return reply(
        PromptDifference(
            version=path.version, against=against, difference=find_difference(older, newer)
        )
    )


@api.operation(
    "post",
    "/mentor/prompts/<int:version>/restore",
    scope="mentor:write",
    summary="Restore a system prompt",
    returns=MentorFacts,
    reads_json=False,
)
def restore_prompt(path: VersionPath) -> Response:
    """Puts an old system prompt back in force, as a new version.

    With If-Match, only if nobody changed the mentor since.
    """
    mentors = get_engine().mentors
    seen = mentors.get(*bound_mentor())
    seen_at = seen.updated_at if check_if_match(_etag(seen)) else None
    try:
        restored = mentors.restore_prompt(
            *bound_mentor(), path.version, author=author(), seen_at=seen_at
        )
    except Conflict as error:
        raise PreconditionFailed from error
    return reply_mentor(restored)


def change_seen(seen: Mentor, changes: Mapping[str, Any]) -> Mentor:
    """Change a mentor as this call asks; with If-Match, only if it is as the caller saw it.

    Raises PreconditionFailed.
    """
    seen_at = seen.updated_at if check_if_match(_etag(seen)) else None
    try:
        return get_engine().mentors.change(
            seen.organization_id, seen.id, changes, author=author(), seen_at=seen_at
        )
    except Conflict as error:
        raise PreconditionFailed from error


def describe_mentor(mentor: Mentor) -> MentorFacts:
    """A mentor's settings as the API shows them."""
    return MentorFacts(
        unique_id=mentor.id,
        slug=mentor.slug,
        display_name=mentor.display_name,
        description=mentor.description,
        system_prompt=mentor.system_prompt,
        proactive_prompt=mentor.proactive_prompt,
        suggested_prompts=list(mentor.suggested_prompts),
        prompt_version=mentor.prompt_version,
        created_at=mentor.created_at,
        updated_at=mentor.updated_at,
    )


def reply_mentor(mentor: Mentor, status: int = 200) -> Response:
    """A mentor's settings with their ETag."""
    return reply_tagged(describe_mentor(mentor), _etag(mentor), status)


def _etag(mentor: Mentor) -> str:
    return make_etag(mentor.id, mentor.prompt_version, mentor.updated_at)


def _describe(version: PromptVersion) -> PromptFacts:
    return PromptFacts(
        version=version.version,
        system_prompt=version.system_prompt,
        author=version.author,
        created_at=version.created_at,
    )
