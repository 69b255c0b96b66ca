"""Copied courses: a course made anew out of another, its items with it, its grades without.

What was copied from where is what the history variables and the notice tell a tool.
Source: LTI 1.3 core, appendix B (Context.id.history, ResourceLink.id.history).
"""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import quote

from mentorai.core.identifiers import new_id
from mentorai.plugins.sandbox.platform import SandboxPlatform, put_column
from mentorai.plugins.sandbox.school import Course, Item

MOST_COPIES = 50
# The parameters that the tool's registration here asks for in every launch.
REGISTERED: Mapping[str, str] = {
    "resource_link_id_history": "$ResourceLink.id.history",
    "context_id_history": "$Context.id.history",
}


def copy_course(platform: SandboxPlatform, course: Course) -> Course:
    """A copy of a course, without what anybody did in it."""
    copied = replace(
        course,
        id=f"{course.id[:40]}-{secrets.token_hex(3)}",
        title=f"{course.title} (copy)",
        items=(),
        history=(course.context_id, *course.history)[:MOST_COPIES],
    )
    platform.shelf.put("course", copied.id, asdict(copied))
    graded = {
        column.get("resourceLinkId")
        for column in platform.shelf.list("line_item")
        if column["course"] == course.id
    }
    for item in platform.items(course):
        made = replace(
            item,
            id=secrets.token_urlsafe(9),
            added=True,
            history=(item.resource_link_id, *item.history)[:MOST_COPIES],
        )
        platform.add_item(copied, made)
        if item.points is not None and item.resource_link_id in graded:
            put_column(platform.shelf, copied, made, new_id())
    return copied


def substitute(custom: Mapping[str, str], course: Course, item: Item) -> dict[str, str]:
    """The registered parameters and those of an item, with the variables known here filled in."""
    known = {
        "$ResourceLink.id.history": _join(item.history),
        "$Context.id.history": _join(course.history),
    }
    asked = {**REGISTERED, **custom}
    return {name: known.get(value, value) for name, value in asked.items()}


def read_course(record: Mapping[str, Any]) -> Course:
    """A copied course as the shelf keeps it."""
    lists = {name: tuple(record[name]) for name in ("members", "former", "history")}
    return Course(**{**record, **lists, "items": ()})


def _join(ids: tuple[str, ...]) -> str:
    return ",".join(quote(each, safe="") for each in ids)
