"""The column of a link that its first score makes, at an address of its own, as in Sakai.

A launch of a link without a column names such an address; once the column is there, launches name
the column's own, and both lead to it.
"""

from hashlib import sha256

from mentorai.core.identifiers import new_id
from mentorai.plugins.sandbox.grades import Gradebook, get_course
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import Course, Item
from mentorai.plugins.sandbox.shelf import Record
from mentorai.plugins.sandbox.wire import Refused

MAXIMUM = 100


def on_demand_url(platform: SandboxPlatform, course: Course, item: Item) -> str:
    """The address of the column that a link would have."""
    rest = f":::{course.id}:::content:{item.resource_link_id}"
    placement = f"{sha256(rest.encode()).hexdigest()}{rest}"
    path = platform.personality.addresses.on_demand.format(placement=placement)
    return f"{platform.options.base_url}{path}"


def read_placement(platform: SandboxPlatform, placement: str) -> tuple[Course, Item]:
    """The course and the link that such an address names. Raises Refused (400)."""
    _, _, rest = placement.partition(":::")
    course_id, _, link = rest.partition(":::content:")
    course = get_course(platform, course_id)
    for item in platform.items(course):
        if item.resource_link_id == link and on_demand_url(platform, course, item).endswith(
            f"/{placement}"
        ):
            return course, item
    raise Refused(400, "Could not verify signed_placement")


def find_by_title(gradebook: Gradebook, course: Course, item: Item) -> Record | None:
    """The column that has the link's title."""
    title = item.title.strip().lower()
    own = (column for column in gradebook.columns(course) if not column.get("foreign"))
    return next((column for column in own if column["label"].strip().lower() == title), None)


def make(platform: SandboxPlatform, gradebook: Gradebook, course: Course, item: Item) -> Record:
    """That column, made if there is none."""
    with platform.shelf.lock:
        found = find_by_title(gradebook, course, item)
        if found is not None:
            return found
        made: Record = {"id": new_id(), "course": course.id, "label": item.title}
        made["scoreMaximum"] = MAXIMUM
        made["resourceLinkId"] = item.resource_link_id
        return platform.shelf.put("line_item", made["id"], made)


def describe(platform: SandboxPlatform, course: Course, item: Item) -> Record:
    """The line item that is not there yet."""
    return {
        "id": on_demand_url(platform, course, item),
        "label": item.title,
        "scoreMaximum": MAXIMUM,
        "resourceLinkId": item.resource_link_id,
    }
