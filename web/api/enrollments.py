"""/enrollments: who is to work with a mentor, by the campus's own lists, or by the LMSs'."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Literal

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from mentorai.core.enrolment_rows import COLUMNS, Enrolment
from mentorai.core.errors import InputRejected
from mentorai.core.listed_enrolments import ListedEnrolment
from mentorai.web.api.replies import no_content, read_part, reply, reply_page, reply_part
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import LATEST, Changes, ExactId, Id, Instant, Page, PartQuery, Shape
from mentorai.web.api.sheets import (
    SheetQuery,
    SheetReport,
    describe_sheet,
    read_rows,
    reply_report,
)
from mentorai.web.auth import author, bound_mentor, get_engine, reach
from mentorai.web.platforms import find_platforms

api = Resource(
    "enrollments", "Who is to work with the mentor, by the campus's own lists or by the LMS's."
)

EXAMPLE: dict[str, Any] = {
    "user": "s1234567",
    "section": "BIO-101-03",
    "role": "learner",
    "name": "Ada Lovelace",
}
RoleName = Literal["administrator", "instructor", "assistant", "learner", "other"]


class EnrollmentFacts(BaseModel):
    """One person who is to work with one mentor."""

    id: str = Field(description="Empty for who is on an LMS's list: such a row is read only here.")
    mentor: str
    person: str = Field(description="Our id of the person.")
    user: str = Field(description="The campus's id of the person, or the platform's.")
    platform: str = Field(description="The registration whose id `user` is; empty: the campus's.")
    section: str = Field(description="Of who is in several on an LMS's list, all by name.")
    role: str
    name: str
    email: str
    source: str = Field(description="`campus`, or `lms` for who is on an LMS's list.")
    status: str = Field(description="`active`; on an LMS's list also `inactive` and `left`.")
    course: str = Field(description="The title of the LMS's course; empty: the campus's list.")
    created_at: datetime
    updated_at: datetime = Field(description="On an LMS's list: when it was last read with them.")


class NewEnrollment(Changes):
    """An enrollment as it is to be; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    user: str = Field(
        min_length=1, max_length=255, description="The id that the campus, or `platform`, gave."
    )
    platform: str = Field(
        default="", max_length=36, description="The id of a registration, if `user` is its id."
    )
    section: str = Field(default="", max_length=255)
    role: RoleName | None = Field(default=None, description="A new one is a learner if not given.")
    name: str = Field(default="", max_length=200)
    email: str = Field(default="", max_length=254)


class EnrollmentQuery(PartQuery):
    """Which enrollments."""

    user: str | None = Field(default=None, max_length=255)
    section: str | None = Field(default=None, max_length=255)
    role: RoleName | None = None
    source: Literal["campus", "lms"] = Field(
        default="campus",
        description="The campus's own lists, or the people that LMSs list in the mentor's courses.",
    )
    since: Instant | None = Field(
        default=None,
        description="Changed at this instant or later: the `updated_at` of the last one that you "
        "have, not the time of your own clock.",
        examples=["2026-01-01T00:00:00Z"],
    )


class EnrollmentPath(Shape):
    """Which enrollment."""

    enrollment_id: Id


class DeletedEnrollment(Shape):
    """What to delete."""

    enrollment_id: ExactId


class EnrollmentPage(Page):
    """Enrollments, the one that changed longest ago first."""

    results: list[EnrollmentFacts]


@api.operation(
    "get",
    "/enrollments",
    scope="enrollments:read",
    summary="See the enrollments",
    returns=EnrollmentPage,
)
def list_enrollments(query: EnrollmentQuery) -> Response:
    """Whom the campus's own lists enrolled, the one that changed longest ago first; with
    `source=lms` those on the lists of the LMSs' courses that the mentor is placed in.

    Follow `next` to the end, and none of the campus's is missed, whatever changes meanwhile. Ask
    with the last `updated_at` as `since` to go on; what was taken away is in no answer. An LMS's
    list is read by itself some moments after the first launch from a course, and then on schedule.
    It is changed in the LMS alone; who left stays with the `status` `left`.
    """
    engine, where = get_engine(), reach()
    wanted = query.model_dump(include={"user", "section", "role", "since"})
    if query.source == "lms":
        return _list_listed(query, wanted)
    count = engine.enrolments.count(*where, **wanted)
    shown, last = read_part(partial(engine.enrolments.list, *where, **wanted), count, query)
    return reply_part(EnrollmentPage, [_describe(one) for one in shown], count, last)


def _list_listed(query: EnrollmentQuery, wanted: Mapping[str, Any]) -> Response:
    if query.after is not None:
        raise InputRejected({"after": ["Of an LMS's list, pages have numbers."]})
    listed, where = get_engine().listed_enrolments, reach()
    some = listed.list(*where, **wanted, page=query.page, page_size=query.page_size)
    results = [_describe_listed(one) for one in some]
    count = listed.count(*where, **wanted)
    return reply_page(EnrollmentPage, results, count, query.page, query.page_size)


@api.operation(
    "put",
    "/enrollments",
    scope="enrollments:write",
    summary="Enroll a person",
    returns=EnrollmentFacts,
    also={201: EnrollmentFacts},
)
def put_enrollment(body: NewEnrollment) -> Response:
    """Enrolls a person (201), or brings their enrollment to what the body says (200).

    `user`, `platform` and `section` name it. Sent again it changes nothing.
    """
    engine, where = get_engine(), bound_mentor()
    cells = {name: str(value) for name, value in body.model_dump(exclude_none=True).items()}
    stripped = {name: value.strip() for name, value in cells.items()}
    if not stripped["user"]:
        raise InputRejected({"user": ["This is needed."]})
    platforms = find_platforms(engine, where[0])
    put, is_new = engine.enrolments.put(*where, stripped, platforms=platforms, author=author())
    return reply(_describe(put), 201 if is_new else 200)


@api.operation(
    "post",
    "/enrollments/bulk",
    scope="enrollments:write",
    summary="Enroll many people",
    returns=SheetReport,
    reads_json=False,
    request_body=describe_sheet("enrollments", COLUMNS, EXAMPLE),
    waits=True,
)
def apply_enrollments(query: SheetQuery) -> Response:
    """Takes rows as CSV (`text/csv`, up to 250,000) or JSON (up to 10,000) and brings the
    enrollments to what they say; the same rows again change nothing.

    What no row names stays; `status` `removed` takes one away. With `dry_run` nothing is written
    and the report says what would be. A row that is not right is named by its line; unless
    `atomic` is false, nothing is written then (422, `errors` by `line.column`). A provisioning key
    names the `mentor` in each row, or one for all in the address.
    """
    engine, (organization_id, mentor_id) = get_engine(), reach()
    report = engine.enrolments.apply(
        organization_id,
        mentor_id,
        read_rows("enrollments", COLUMNS),
        platforms=find_platforms(engine, organization_id),
        author=author(),
        dry_run=query.dry_run,
        atomic=query.atomic,
    )
    return reply_report(report, query)


@api.operation(
    "get",
    "/enrollments/<enrollment_id>",
    scope="enrollments:read",
    summary="See an enrollment",
    returns=EnrollmentFacts,
)
def get_enrollment(path: EnrollmentPath) -> Response:
    """One enrollment."""
    enrolments, where = get_engine().enrolments, reach()
    if path.enrollment_id != LATEST:
        return reply(_describe(enrolments.get(*where, path.enrollment_id)))
    count = enrolments.count(*where)
    newest = enrolments.list(*where, page=count, page_size=1) if count else ()
    return reply(_describe(newest[0] if newest else enrolments.get(*where, LATEST)))


@api.operation(
    "delete",
    "/enrollments/<enrollment_id>",
    scope="enrollments:write",
    summary="Take out an enrollment",
    returns=None,
    status=204,
)
def delete_enrollment(path: DeletedEnrollment) -> Response:
    """Takes one enrollment away. The person, their work and what an LMS lists stay."""
    get_engine().enrolments.remove(*reach(), path.enrollment_id, author())
    return no_content()


def _describe(enrolment: Enrolment) -> EnrollmentFacts:
    return EnrollmentFacts(
        id=enrolment.id,
        mentor=enrolment.mentor_id,
        person=enrolment.person_id,
        user=enrolment.user,
        platform=enrolment.platform,
        section=enrolment.section,
        role=enrolment.role.value,
        name=enrolment.name,
        email=enrolment.email,
        source="campus",
        status="active",
        course="",
        created_at=enrolment.created_at,
        updated_at=enrolment.updated_at,
    )


def _describe_listed(enrolment: ListedEnrolment) -> EnrollmentFacts:
    return EnrollmentFacts(
        id="",
        mentor=enrolment.mentor_id,
        person=enrolment.person_id,
        user=enrolment.user,
        platform=enrolment.platform,
        section=", ".join(enrolment.sections),
        role=enrolment.role.value,
        name=enrolment.name,
        email=enrolment.email,
        source="lms",
        status=enrolment.status,
        course=enrolment.course,
        created_at=enrolment.known_since,
        updated_at=enrolment.changed_at,
    )
