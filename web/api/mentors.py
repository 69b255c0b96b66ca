"""/mentors: the mentors of an organization, for provisioning keys and admins."""

from typing import Any

from flask import Response
from pydantic import ConfigDict, Field

from mentorai.core.errors import Conflict, InputRejected, NotFound
from mentorai.core.identifiers import is_id, to_slug
from mentorai.core.mentor_sheets import COLUMNS, apply_mentors
from mentorai.web.api.mentor import (
    MentorChanges,
    MentorFacts,
    MentorSettings,
    change_seen,
    describe_mentor,
    reply_mentor,
)
from mentorai.web.api.replies import check_if_match, cut_page, reply_page
from mentorai.web.api.resource import Callers, Resource
from mentorai.web.api.shapes import Page, PageQuery, Shape
from mentorai.web.api.sheets import (
    SheetQuery,
    SheetReport,
    describe_sheet,
    read_rows,
    reply_report,
)
from mentorai.web.auth import author, caller, get_engine

api = Resource(
    "mentors",
    "The mentors of an organization, for provisioning keys and admins.",
    Callers.KEYS_AND_ADMINS,
)

SCOPE = "mentors:provision"
EXAMPLE: dict[str, Any] = {"slug": "bio-101-03", "display_name": "Biology 101, section 3"}
# Of one that is not there yet: what the other examples name is.
NEW_EXAMPLE: dict[str, Any] = {"slug": "bio-101-04", "display_name": "Biology 101, section 4"}


class NewMentor(MentorSettings):
    """A mentor to make."""

    model_config = ConfigDict(json_schema_extra={"examples": [NEW_EXAMPLE]})

    display_name: str = Field(min_length=1, max_length=100)
    slug: str = Field(
        default="", max_length=64, description="Its short name; made of the name if not given."
    )


class PutMentor(MentorChanges):
    """A mentor as it is to be; what is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"display_name": "Biology 101, section 3"}]}
    )


class MentorPath(Shape):
    """Which mentor."""

    mentor_id: str = Field(
        min_length=1,
        max_length=100,
        description="Its id or its slug; a new one is made by slug.",
        examples=["bio-101-03"],
    )


class MentorPage(Page):
    """Mentors, by name."""

    results: list[MentorFacts]


@api.operation("get", "/mentors", scope=SCOPE, summary="See the mentors", returns=MentorPage)
def list_mentors(query: PageQuery) -> Response:
    """Every mentor of the organization, by name."""
    everything = get_engine().mentors.list(caller().organization_id)
    page = [describe_mentor(one) for one in cut_page(everything, query.page, query.page_size)]
    return reply_page(MentorPage, page, len(everything), query.page, query.page_size)


@api.operation(
    "post", "/mentors", scope=SCOPE, summary="Make a mentor", returns=MentorFacts, status=201
)
def make_mentor(body: NewMentor) -> Response:
    """Makes a mentor. 409 if there is one of that short name."""
    facts = body.model_dump(exclude_none=True)
    made = get_engine().mentors.add(caller().organization_id, author=author(), **facts)
    return reply_mentor(made, 201)


@api.operation(
    "post",
    "/mentors/bulk",
    scope=SCOPE,
    summary="Make many mentors",
    returns=SheetReport,
    reads_json=False,
    request_body=describe_sheet("mentors", COLUMNS, EXAMPLE),
    waits=True,
)
def apply_many_mentors(query: SheetQuery) -> Response:
    """Takes rows as CSV or JSON, each with a mentor's `slug`; makes the mentors that are new and
    changes the others. The same rows again change nothing.

    With `dry_run` nothing is written and the report says what would be. A row that is not right
    is named by its line; unless `atomic` is false, nothing is written then (422).
    """
    report = apply_mentors(
        get_engine().database,
        caller().organization_id,
        read_rows("mentors", COLUMNS),
        author=author(),
        dry_run=query.dry_run,
        atomic=query.atomic,
    )
    return reply_report(report, query)


@api.operation(
    "put",
    "/mentors/<mentor_id>",
    scope=SCOPE,
    summary="Make or change a mentor",
    returns=MentorFacts,
    also={201: MentorFacts},
)
def put_mentor(path: MentorPath, body: PutMentor) -> Response:
    """Changes the mentor of this id or slug (200), or makes one of this slug (201). What the body
    does not name stays, or is empty; nothing is set to null.

    Sent again it changes nothing. With If-Match, only if nobody changed the mentor since.
    """
    mentors, organization_id = get_engine().mentors, caller().organization_id
    facts = body.model_dump(exclude_none=True)
    try:
        found = mentors.get(organization_id, path.mentor_id)
    except NotFound:
        if is_id(path.mentor_id) or path.mentor_id != to_slug(path.mentor_id):
            raise
        check_if_match(None)
        if "display_name" not in facts:
            raise InputRejected({"display_name": ["A new mentor needs a name."]}) from None
        try:
            made = mentors.add(organization_id, slug=path.mentor_id, author=author(), **facts)
        except Conflict:
            # Another call made it at this moment.
            found = mentors.get(organization_id, path.mentor_id)
        else:
            return reply_mentor(made, 201)
    named = {name: value for name, value in facts.items() if _differs(found, name, value)}
    return reply_mentor(change_seen(found, named))


@api.operation(
    "get", "/mentors/<mentor_id>", scope=SCOPE, summary="See a mentor", returns=MentorFacts
)
def get_one_mentor(path: MentorPath) -> Response:
    """One mentor of the organization, with the ETag that If-Match takes."""
    return reply_mentor(get_engine().mentors.get(caller().organization_id, path.mentor_id))


def _differs(found: object, name: str, value: object) -> bool:
    now_there = getattr(found, name)
    return (list(now_there) if isinstance(value, list) else now_there) != value
