"""`mentorai rosters`: the lists of people that LMSs keep of their courses."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mentorai.core.course_people import Course
    from mentorai.core.engine import Engine


@click.group("rosters")
def command() -> None:
    """The people of courses, as the LMSs list them."""


@command.command("list")
def list_() -> None:
    """List the courses and when their rosters were read."""
    from mentorai.web.commands.opening import opened, print_rows

    with opened() as engine:
        found = engine.course_people.list_courses(engine.organizations.get().id)
    print_rows(
        ("COURSE", "TITLE", "LAST WHOLE READ", "STATE"),
        [(c.id, c.name, _when(c.complete_at), _state(c)) for c in found],
        none="No course has opened a mentor yet.",
    )


@command.command("sync")
@click.argument("course", required=False)
def sync(course: str | None) -> None:
    """Read the roster of COURSE (an id that `list` shows), or of every course, here and now."""
    from mentorai.core.errors import MentorAIError
    from mentorai.web.commands.opening import opened

    failed = 0
    with opened() as engine:
        organization_id = engine.organizations.get().id
        known = engine.course_people.list_courses(organization_id)
        asked = [c for c in known if course in (None, c.id)]
        wanted = [c for c in asked if engine.rosters.is_readable(organization_id, c.id)]
        if course is not None and not wanted:
            wanted = [_get_course(engine, course)]
        for each in wanted:
            try:
                count = engine.rosters.sync(organization_id, each.id)
                click.echo(f"{each.name}: {count} people.")
            except MentorAIError as error:
                if course is not None:
                    raise
                failed += 1
                click.echo(f"{each.name}: {error.message} [{error.code}]", err=True)
        if not wanted:
            click.echo("No course has a roster that could be read.")
    if failed:
        raise SystemExit(1)


@command.command("show")
@click.argument("course")
@click.option("--role", type=click.Choice(["learner", "instructor"]), help="Only these people.")
@click.option("--link", default="", help="Only who may open this resource link (the LMS's id).")
def show(course: str, role: str | None, link: str) -> None:
    """Ask the LMS for the roster of COURSE and print it; nothing is kept."""
    from mentorai.core.values import Member, Role
    from mentorai.lti.nrps import list_members
    from mentorai.web.commands.opening import find_platform, opened, print_rows

    with opened() as engine:
        found = _get_course(engine, course)
        rows = [
            (m.subject, m.role.value, _status(m), m.name or "", "yes" if m.message else "")
            for m in list_members(
                *find_platform(engine, found.registration_id),
                found.memberships_url or "",
                resource_link_id=link,
                role=Role(role) if role else None,
            )
            if isinstance(m, Member)
        ]
    headings = ("SUBJECT", "ROLE", "STATUS", "NAME", "MESSAGE")
    print_rows(headings, rows, none="The LMS lists nobody.")


@command.command("groups")
@click.argument("course")
@click.option("--person", default="", help="Only the groups of this person (the LMS's id).")
def groups(course: str, person: str) -> None:
    """Ask the LMS for the groups of COURSE and print them; nothing is kept."""
    from mentorai.core.errors import Conflict
    from mentorai.lti.groups import list_groups
    from mentorai.web.commands.opening import find_platform, opened, print_rows

    with opened() as engine:
        found = _get_course(engine, course)
        if found.group_service is None:
            raise Conflict("This LMS does not show the groups of this course to this tool.")
        registration = find_platform(engine, found.registration_id)
        listed = list(list_groups(*registration, found.group_service, subject=person))
    rows = [(group.lms_id, group.set_name, group.name) for group in listed]
    print_rows(("GROUP", "SET", "NAME"), rows, none="The LMS lists no group.")


def _get_course(engine: "Engine", course_id: str) -> "Course":
    from mentorai.core.errors import Conflict, NotFound
    from mentorai.core.rosters import NO_SERVICE

    found = engine.course_people.find_course(engine.organizations.get().id, course_id)
    if found is None:
        raise NotFound("There is no such course; `mentorai rosters list` shows them.")
    if not found.memberships_url:
        raise Conflict(NO_SERVICE)
    return found


def _when(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "never"


def _state(course: "Course") -> str:
    if course.is_reading:
        return "being read"
    if not course.memberships_url:
        return "the LMS shows none"
    return course.error or "-"


def _status(member: Any) -> str:
    return "deleted" if member.is_gone else "active" if member.active else "inactive"
