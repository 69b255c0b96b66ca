"""What teachers do behind the tool's back, to order: JSON for programs."""

from typing import Any

from flask import Blueprint

from mentorai.core.errors import InputRejected, NotFound
from mentorai.plugins.sandbox.grades import is_number
from mentorai.plugins.sandbox.routes_control import absent, read_body, rejected
from mentorai.plugins.sandbox.routes_pages import here, refuse_foreign_forms

Json = dict[str, Any]
routes = Blueprint("teacher", __name__, url_prefix="/control")
routes.before_request(refuse_foreign_forms)
routes.register_error_handler(InputRejected, rejected)
routes.register_error_handler(NotFound, absent)


@routes.put("/line-items/<column>/grade")
def override(column: str) -> Json:
    """A grade changed by hand: `{"person": "maya", "given": 6}`."""
    body = read_body()
    return here().teacher.override(column, body.get("person"), body.get("given"))


@routes.patch("/line-items/<column>")
def change(column: str) -> Json:
    """A column locked, or changed in another way that only the LMS knows: `{"locked": true}`."""
    return here().teacher.change(column, read_body())


@routes.delete("/line-items/<column>")
def remove(column: str) -> tuple[str, int]:
    """A column deleted, with what it held."""
    here().teacher.remove(column)
    return "", 204


@routes.put("/bucket")
def fill() -> tuple[str, int]:
    """What the throttling bucket holds: `{"level": 590}`."""
    level = read_body().get("level")
    if not is_number(level) or level < 0:
        raise InputRejected({"level": ["Send a number, zero or more."]})
    here().platform.bucket.fill(level, here().platform.now())
    return "", 204


@routes.put("/items/<item>")
def hide(item: str) -> tuple[str, int]:
    """An item hidden from students, or shown again: `{"hidden": true}`."""
    here().teacher.hide(item, hidden=read_body().get("hidden") is True)
    return "", 204


@routes.put("/courses/<course>")
def conclude(course: str) -> tuple[str, int]:
    """A course ended, or begun again: `{"concluded": true}`."""
    here().teacher.conclude(course, concluded=read_body().get("concluded") is True)
    return "", 204
