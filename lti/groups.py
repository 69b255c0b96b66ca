"""Course groups: the groups of a context and the sets they belong to.

Source: LTI Course Groups Service 1.0. Who is in which group comes with the roster (nrps.py).
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from mentorai.core.errors import PlatformReplyInvalid
from mentorai.core.launch_facts import GroupService
from mentorai.core.values import Group
from mentorai.lti.registrations import Registration
from mentorai.lti.services import add_query, read_pages
from mentorai.lti.tool import Tool

SCOPE = "https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly"
MEDIA_TYPE = "application/vnd.ims.lti-gs.v1.contextgroupcontainer+json"
ID_LENGTH, NAME_LENGTH = 255, 255
GROUPS = 5_000


def list_groups(
    tool: Tool, registration: Registration, service: GroupService, *, subject: str = ""
) -> Iterator[Group]:
    """The groups of a context with their sets' names, GROUPS at most.

    subject: only the groups of this person (the filter `user_id`, a wish).
    Raises, while it is read, ScopeNotGranted and PlatformError of every kind.
    """
    sets: dict[str, str] = {}
    if service.group_sets_url:
        rows = _read_rows(tool, registration, service.group_sets_url, "sets")
        sets = {_text(row, "id"): _text(row, "name") for row in rows}
    url = service.groups_url
    if subject:
        url = add_query(url, {"user_id": subject})
    for row in _read_rows(tool, registration, url, "groups"):
        if _text(row, "id"):
            name = _text(row, "name") or _text(row, "id")
            yield Group(_text(row, "id"), name, sets.get(_text(row, "set_id"), ""))


def _read_rows(
    tool: Tool, registration: Registration, url: str, name: str
) -> Iterator[Mapping[str, Any]]:
    pages = read_pages(tool, registration, url, [SCOPE], accept=MEDIA_TYPE)
    return islice((row for page in pages for row in _read_page(page.read_json(), name)), GROUPS)


def _read_page(page: object, name: str) -> Iterator[Mapping[str, Any]]:
    listed = page.get(name) if isinstance(page, dict) else None
    if not isinstance(listed, list):
        raise PlatformReplyInvalid("The LMS sent groups that cannot be read.")
    return (row for row in listed if isinstance(row, dict))


def _text(row: Mapping[str, Any], name: str) -> str:
    """A text in one line; a whole number as its text; empty for anything else."""
    found = row.get(name)
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 10**18:
        return str(found)
    if not isinstance(found, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in found[:NAME_LENGTH]).split())
