"""Line items, the columns of a gradebook: listed, read, made, changed and removed.

Source: LTI Assignment and Grade Services 2.0, section 3.2.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mentorai.core.errors import CourseConcluded, NoLineItem, PlatformReplyInvalid
from mentorai.core.values import LineItem
from mentorai.lti.origins import find_origin
from mentorai.lti.platform_http import Reply, check_reply
from mentorai.lti.registrations import Registration
from mentorai.lti.services import add_query, call, read_pages
from mentorai.lti.tool import Tool

SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/"
LINE_ITEM_SCOPE = f"{SCOPE}lineitem"
LINE_ITEM_READ_SCOPE = f"{SCOPE}lineitem.readonly"
LINE_ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEMS_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
LABEL_LENGTH = 200
# A worker waits for this list while it holds the place's lease.
LIST_SECONDS = 40.0


def list_line_items(
    tool: Tool,
    registration: Registration,
    url: str,
    *,
    scope: str = LINE_ITEM_READ_SCOPE,
    resource_link_id: str = "",
    resource_id: str = "",
    tag: str = "",
    limit: int = 0,
) -> Iterator[LineItem]:
    """The columns of a context, page by page (section 3.2.5).

    url: the context's line items service. The filters hold even where the platform ignores them,
    except that a column without a resource link passes that filter. limit: a wish for the size
    of a page.
    Raises, while it is read, ScopeNotGranted and PlatformError of every kind; CourseConcluded where
    the platform has no such list any more.
    """
    wanted = {"resource_link_id": resource_link_id, "resource_id": resource_id, "tag": tag}
    asked = {name: value for name, value in wanted.items() if value}
    asked |= {"limit": str(limit)} if limit else {}
    pages = read_pages(
        tool,
        registration,
        add_query(url, asked) if asked else url,
        [scope],
        accept=LINE_ITEMS_TYPE,
        seconds=LIST_SECONDS,
        gone=CourseConcluded,
    )
    for page in pages:
        for item in _read_listed(page.read_json(), url):
            is_of_link = item.resource_link_id in (None, resource_link_id)
            if (
                (is_of_link or not resource_link_id)
                and resource_id in ("", item.resource_id)
                and tag in ("", item.tag)
            ):
                yield item


def get_line_item(tool: Tool, registration: Registration, url: str) -> LineItem:
    """One column as it is now (section 3.2.3).

    Raises NoLineItem, ScopeNotGranted, PlatformError.
    """
    return _read_one(_get(tool, registration, url, LINE_ITEM_READ_SCOPE).read_json(), url)


def make_line_item(
    tool: Tool,
    registration: Registration,
    url: str,
    wanted: LineItem,
    more: Mapping[str, Any] = {},
) -> LineItem:
    """Make a column as `wanted`, whose own URL is not looked at; url: the line items service.

    more: what else the platform is told of it, by its own names.
    Source: section 3.2.6. Raises ScopeNotGranted, PlatformError.
    """
    body: dict[str, Any] = {
        "label": wanted.label.strip()[:LABEL_LENGTH] or "mentorAI",
        "scoreMaximum": plain_points(wanted.score_maximum or 100.0),
    }
    texts = {
        "resourceLinkId": wanted.resource_link_id,
        "resourceId": wanted.resource_id,
        "tag": wanted.tag,
    }
    body |= {name: text for name, text in texts.items() if text} | dict(more)
    reply = _send(tool, registration, url, body, "POST")
    check_reply(reply, "a request for a gradebook column")
    return _read_one(reply.read_json(), url)


def change_line_item(
    tool: Tool,
    registration: Registration,
    url: str,
    *,
    label: str = "",
    score_maximum: float | None = None,
) -> LineItem:
    """Change a column's label or maximum, and nothing else of it (section 3.2.4).

    PUT replaces the whole column, and some platforms drop what is left out: so it is read first
    and all of it is sent back, also what we know nothing of.
    Raises NoLineItem, ScopeNotGranted, PlatformError.
    """
    body = _get(tool, registration, url, LINE_ITEM_SCOPE).read_json()
    if not isinstance(body, dict):
        raise PlatformReplyInvalid("The LMS sent a gradebook column that cannot be read.")
    # Some platforms show what a column has not as null, and take none back.
    body = {name: value for name, value in body.items() if value is not None}
    if label.strip():
        body["label"] = label.strip()[:LABEL_LENGTH]
    if score_maximum is not None:
        body["scoreMaximum"] = plain_points(score_maximum)
    reply = _send(tool, registration, url, body, "PUT")
    _check_there(reply, "the change of a gradebook column")
    # Some platforms answer without a body.
    return _read_one(reply.read_json() if reply.body.strip() else body, url)


def remove_line_item(tool: Tool, registration: Registration, url: str) -> None:
    """Remove a column with every score in it (section 3.2.7); one that is gone already is fine.

    Raises ScopeNotGranted, PlatformError.
    """
    reply = call(tool, registration, url, [LINE_ITEM_SCOPE], accept="*/*", method="DELETE")
    if reply.status not in (404, 410):
        check_reply(reply, "the removal of a gradebook column")


def add_path(url: str, name: str) -> str:
    """The address with one more step in its path, its query kept where it is."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))


def plain_points(points: float) -> float | int:
    """Points as people write them: 10 and not 10.0."""
    return int(points) if float(points).is_integer() else points


def read_text(each: Mapping[str, Any], name: str) -> str | None:
    """A text in one line, as ids are, or a whole number as its text; None for anything else."""
    found = each.get(name)
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 10**18:
        return str(found)
    return found if isinstance(found, str) and found and found.isprintable() else None


def read_words(each: Mapping[str, Any], name: str, length: int) -> str:
    """What a person wrote, without the characters that no database and no page takes."""
    found = each.get(name)
    text = found[:length] if isinstance(found, str) else ""
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)


def read_points(each: Mapping[str, Any], name: str) -> float | None:
    """A number of points; None for anything else, also for what is no finite number."""
    found = each.get(name)
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    return float(found) if is_number and abs(found) < 1e12 else None  # type: ignore[arg-type]


def _get(tool: Tool, registration: Registration, url: str, scope: str) -> Reply:
    reply = call(tool, registration, url, [scope], accept=LINE_ITEM_TYPE)
    _check_there(reply, "a request for a gradebook column")
    return reply


def _send(
    tool: Tool, registration: Registration, url: str, body: Mapping[str, Any], method: str
) -> Reply:
    return call(
        tool,
        registration,
        url,
        [LINE_ITEM_SCOPE],
        accept=LINE_ITEM_TYPE,
        media_type=LINE_ITEM_TYPE,
        body=body,
        method=method,
    )


def _check_there(reply: Reply, what: str) -> None:
    if reply.status in (404, 410):
        raise NoLineItem("The gradebook column is no longer there.")
    check_reply(reply, what)


def _read_one(each: object, url: str) -> LineItem:
    for item in _read_listed([each], url):
        return item
    raise PlatformReplyInvalid("The LMS sent a gradebook column without its address.")


def _read_listed(page: object, url: str) -> Iterator[LineItem]:
    if not isinstance(page, list):
        raise PlatformReplyInvalid("The LMS sent gradebook columns that cannot be read.")
    for each in page:
        address = each.get("id") if isinstance(each, dict) else None
        # Scores go only where the signed launch pointed.
        if not isinstance(address, str) or find_origin(address) != find_origin(url):
            continue
        yield LineItem(
            url=address,
            label=read_words(each, "label", LABEL_LENGTH),
            score_maximum=read_points(each, "scoreMaximum"),
            resource_id=read_text(each, "resourceId"),
            tag=read_text(each, "tag"),
            resource_link_id=read_text(each, "resourceLinkId"),
        )
