"""The headers that calls and answers carry, put into the API's description."""

from collections.abc import Iterator, Mapping
from typing import Any

from mentorai.web.api.admins import CSRF_HEADER
from mentorai.web.api.examples import JSON_TYPE, METHODS
from mentorai.web.api.repeats import HEADER as REPEATABLE

Json = dict[str, Any]

# Name -> what it says, and an example.
SENT: Mapping[str, tuple[str, str]] = {
    "X-Request-Id": (
        "This call in the log; give it when you ask for help. It is yours if the call had one.",
        "7KQ2-XM4D-90TZ",
    ),
    "X-Key-Expires": ("When the key ends; absent if it never does.", "2026-12-23T22:59:59+00:00"),
    "RateLimit": ("`r` calls are left for `t` seconds.", '"key";r=598;t=42'),
    "RateLimit-Policy": ("`q` calls may be made in `w` seconds.", '"key";q=600;w=60'),
    "Retry-After": ("In how many seconds to try again.", "42"),
    "Link": (
        "The addresses of the next page (`next`) and the one before (`prev`), where there is one.",
        '<.../api/v1/datasets?page=2>; rel="next"',
    ),
    CSRF_HEADER: (
        "To an admin's browser: what its next change needs.",
        "Ij0i.Zx3.b9",
    ),
    "ETag": ("The state of what is answered.", '"0f3c5a1be2d94c7788aa01b2"'),
    "Idempotency-Replayed": (f"`true` for what an earlier call of this {REPEATABLE} did.", "true"),
}
# By status, what says something of the key: before the scope is judged, no call is counted.
OF_AN_ADMITTED_KEY = ("X-Key-Expires", "RateLimit", "RateLimit-Policy")
OF_A_KEY: Mapping[str, tuple[str, ...]] = {"401": (), "403": ("X-Key-Expires",)}
OF_AN_ADMIN = (CSRF_HEADER, "RateLimit", "RateLimit-Policy")
TAKEN: Mapping[str, Json] = {
    REPEATABLE: {
        "description": "Your name for this call. Sent again within 24 hours, it is answered as the "
        "first time and happens once; 409 while the first is being answered, 422 for another call "
        "of the same name.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "If-Match": {
        "description": "The ETag that you saw: 412 if it was changed since.",
        "schema": {"type": "string"},
    },
}
CHANGES_OF_A_STATE = ("change_mentor", "put_mentor", "restore_prompt", "change_grade")
# Those whose answers have an ETag, besides the ones that count (analytics).
TAGGED = (
    *CHANGES_OF_A_STATE,
    *("get_mentor", "get_one_mentor", "make_mentor", "list_prompts"),
    *("get_grade", "add_grade", "resend_grade"),
)


def name_headers(description: Json) -> None:
    """Say in each operation which headers it takes, and in each answer which it has."""
    components = description["components"]
    components["headers"] = {
        name: {"description": sentence, "schema": {"type": "string"}, "example": example}
        for name, (sentence, example) in SENT.items()
    }
    for item in description["paths"].values():
        for method in METHODS:
            if method in item:
                _name_taken(item[method], method)
                _name_sent(item[method], method, components["schemas"])


def _name_taken(operation: Json, method: str) -> None:
    names = [REPEATABLE] if method == "post" else []
    if operation["operationId"] in CHANGES_OF_A_STATE:
        names.append("If-Match")
    if names:
        taken = [{"name": name, "in": "header", **TAKEN[name]} for name in names]
        operation["parameters"] = [*operation.get("parameters", ()), *taken]


def _name_sent(operation: Json, method: str, schemas: Json) -> None:
    for status, answer in operation["responses"].items():
        names = ["X-Request-Id", *_of_caller(operation, status)]
        if int(status) < 400:
            names += _of_good_answer(operation, method, answer, schemas)
        elif status in ("429", "503"):
            names.append("Retry-After")
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _of_caller(operation: Json, status: str) -> Iterator[str]:
    schemes = {scheme for way in operation["security"] for scheme in way}
    if "KeyAuth" in schemes:
        yield from OF_A_KEY.get(status, OF_AN_ADMITTED_KEY)
    if "AdminSession" in schemes and status not in ("401", "403"):
        yield from (name for name in OF_AN_ADMIN if name == CSRF_HEADER or "KeyAuth" not in schemes)


def _of_good_answer(operation: Json, method: str, answer: Json, schemas: Json) -> Iterator[str]:
    schema = answer.get("content", {}).get(JSON_TYPE, {}).get("schema", {})
    shape = schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
    if {"next", "previous", "results"} <= shape.get("properties", {}).keys():
        yield "Link"
    if operation["operationId"] in TAGGED or "analytics" in operation["tags"]:
        yield "ETag"
    if method == "post":
        yield "Idempotency-Replayed"
