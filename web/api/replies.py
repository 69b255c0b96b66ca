"""Answers of the API: a shape as JSON, a page of a list, a thing with its ETag."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Response, request
from pydantic import BaseModel
from werkzeug.exceptions import PreconditionFailed

from mentorai.core.enrolment_rows import Enrolment
from mentorai.core.errors import InputRejected
from mentorai.core.grades import Grade
from mentorai.core.identifiers import is_id
from mentorai.web.api.shapes import Page, PartQuery, to_utc
from mentorai.web.auth import get_engine
from mentorai.web.framework import WholeAnswer

Entry = TypeVar("Entry")
# What a list has in the order in which it changed.
Changing = TypeVar("Changing", Grade, Enrolment)


def reply(shape: BaseModel, status: int = 200) -> Response:
    """A shape as a JSON answer."""
    return reply_json(shape.model_dump_json().encode(), status)


def reply_json(body: bytes, status: int = 200) -> Response:
    """What is JSON already as an answer."""
    # As they are, headers cost half of what the same cost as arguments and properties.
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return WholeAnswer([body], status, headers)


def reply_tagged(shape: BaseModel, etag: str, status: int = 200) -> Response:
    """A shape with its ETag; 304 without a body if the caller has it already."""
    return tag(reply(shape, status), etag)


def tag(response: Response, etag: str) -> Response:
    """An answer with its ETag, as `reply_tagged` gives it."""
    response.set_etag(etag)
    response.headers["Cache-Control"] = "private, no-cache"
    if request.method == "GET":
        return response.make_conditional(request)  # type: ignore[return-value]
    return response


def no_content() -> Response:
    """204: it is done, and there is nothing to say."""
    return Response(status=204)


def make_etag(*parts: str | int | datetime) -> str:
    """The ETag of a thing in this state."""
    text = "\n".join(p.isoformat() if isinstance(p, datetime) else str(p) for p in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def check_if_match(etag: str | None) -> bool:
    """Whether the caller named the state it saw, and it is still this one.

    etag: None for what is not there, which has no state.
    Raises PreconditionFailed (412) if it named another.
    """
    if "If-Match" not in request.headers:
        return False
    if etag is None or not request.if_match.contains(etag):
        raise PreconditionFailed
    return "*" not in request.headers["If-Match"]


def reply_page(
    kind: type[Page],
    results: Sequence[BaseModel],
    count: int,
    page: int,
    page_size: int,
    **more: Any,
) -> Response:
    """A page of a list, with the neighbours' addresses in its body and in Link.

    kind: the Page whose `results` these are. page: counted from 1. more: what else that kind has.
    """
    following = _address(page + 1) if page * page_size < count else None
    previous = _address(page - 1) if page > 1 else None
    facts = {"count": count, "next": following, "previous": previous, "results": list(results)}
    response = reply(kind.model_validate(facts | more))
    links = [
        f'<{url}>; rel="{rel}"' for url, rel in ((following, "next"), (previous, "prev")) if url
    ]
    if links:
        response.headers["Link"] = ", ".join(links)
    return response


def read_part(
    read: Callable[..., Sequence[Changing]], count: int, query: PartQuery
) -> tuple[Sequence[Changing], Changing | None]:
    """A page of a list that is read on from where it ended, and the last of it if more follows.

    read: gives what changed longest ago first, by `after`, `page` and `page_size`.
    count: of all pages.
    """
    if query.after is None:
        shown = read(after=None, page=query.page, page_size=query.page_size)
        is_end = query.page * query.page_size >= count
    else:
        after = _read_cursor(query.after)
        # One more, to know whether anything follows.
        some = read(after=after, page=1, page_size=query.page_size + 1)
        shown, is_end = some[: query.page_size], len(some) <= query.page_size
    return shown, None if is_end or not shown else shown[-1]


def reply_part(
    kind: type[Page],
    results: Sequence[Mapping[str, Any] | BaseModel],
    count: int,
    last: Changing | None,
) -> Response:
    """A page of a list as `read_part` gives it. results: the facts of what `kind` holds."""
    asked = {name: value for name, value in request.args.items() if name != "page"}
    after = {"after": _write_cursor(last)} if last else {}
    url = public_url(f"{request.path}?{urlencode(asked | after)}") if last else None
    facts = {"count": count, "next": url, "previous": None, "results": list(results)}
    response = reply(kind.model_validate(facts))
    if url:
        response.headers["Link"] = f'<{url}>; rel="next"'
    return response


def _write_cursor(last: Changing) -> str:
    return f"{last.updated_at:%Y-%m-%dT%H:%M:%S.%fZ}_{last.id}"


def _read_cursor(text: str) -> tuple[datetime, str]:
    moment, _, thing_id = text.partition("_")
    try:
        if not is_id(thing_id):
            raise ValueError
        return to_utc(datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%f%z")), thing_id
    except ValueError:
        raise InputRejected({"after": ["This is no end of a page of ours."]}) from None


def cut_page(everything: Sequence[Entry], page: int, page_size: int) -> Sequence[Entry]:
    """One page of a list that is at hand as a whole."""
    return everything[(page - 1) * page_size : page * page_size]


def public_url(path: str) -> str:
    """The whole address of a path of ours, as callers reach it."""
    return get_engine().settings.public_url + path


def _address(page: int) -> str:
    asked = {name: value for name, value in request.args.items() if name != "page"}
    return public_url(f"{request.path}?{urlencode(asked | {'page': str(page)})}")
