"""The people and groups of a Moodle course by its web services.

Source: core_enrol_get_enrolled_users. Its ids are those of LTI: a person's `sub`, and the context.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mentorai.core.errors import PlatformReplyInvalid
from mentorai.core.values import Context, Group, Member, Role
from mentorai.plugins.moodle.web_services import WebServices

FUNCTION = "core_enrol_get_enrolled_users"
# A page of 500 people with their groups is some hundred KB, and a second of Moodle's time.
PAGE = 500
PAGES = 400
NAME_LENGTH = 1_000
# By the short names of Moodle's own roles, the strongest first. Roles of a site's own making
# have names that say nothing to us.
ROLES: Mapping[str, Role] = {
    "manager": Role.INSTRUCTOR,
    "editingteacher": Role.INSTRUCTOR,
    "teacher": Role.ASSISTANT,
    "student": Role.LEARNER,
}
UNREADABLE = "Moodle sent a list of people that cannot be read."


def list_people(services: WebServices, context: Context) -> Iterator[Member | Group]:
    """Everybody who is enrolled and not suspended, with their groups, a page at a time.

    Raises, while it is read, PlatformError of every kind.
    """
    named: set[str] = set()
    for page in range(PAGES):
        rows = services.call(FUNCTION, courseid=context.lms_id, options=_options(page))
        if not isinstance(rows, list):
            raise PlatformReplyInvalid(UNREADABLE)
        for row in rows:
            if isinstance(row, dict):
                yield from _read_row(row, named)
        if len(rows) < PAGE:
            return
    raise PlatformReplyInvalid("Moodle sent pages that do not end.")


def find_student(rows: object) -> str:
    """The id of a student among the people that the function gave, or else of anybody; or empty."""
    people = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    students = [row for row in people if _read_role(row) is Role.LEARNER]
    return next((read_id(row.get("id")) for row in students + people), "")


def read_id(given: object) -> str:
    """An id as LTI has it, a text; empty if it is none. Moodle's are whole numbers."""
    text = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    return text if isinstance(text, str) and text.isprintable() and len(text) <= 255 else ""


def _options(page: int) -> list[dict[str, object]]:
    wanted: dict[str, object] = {
        # Nothing of a person that is not kept.
        "userfields": "fullname,email,roles,groups",
        "onlyactive": 1,
        "sortby": "id",
        "limitfrom": page * PAGE,
        "limitnumber": PAGE,
    }
    return [{"name": name, "value": value} for name, value in wanted.items()]


def _read_row(row: Mapping[str, Any], named: set[str]) -> Iterator[Member | Group]:
    subject = read_id(row.get("id"))
    if not subject:
        return
    groups = {read_id(each.get("id")): each for each in _list(row, "groups")}
    for lms_id, each in groups.items():
        if lms_id and lms_id not in named:
            named.add(lms_id)
            yield Group(lms_id, _text(each, "name") or lms_id)
    yield Member(
        subject=subject,
        role=_read_role(row),
        name=_text(row, "fullname") or None,
        email=_text(row, "email") or None,
        group_ids=tuple(filter(None, groups)),
    )


def _read_role(row: Mapping[str, Any]) -> Role:
    held = {each.get("shortname") for each in _list(row, "roles")}
    return next((role for name, role in ROLES.items() if name in held), Role.OTHER)


def _list(row: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = row.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _text(row: Mapping[str, Any], name: str) -> str:
    found = row.get(name)
    if not isinstance(found, str):
        return ""
    found = found[:NAME_LENGTH]
    return " ".join("".join(c if c.isprintable() else " " for c in found).split())
