"""The API as a Postman 2.1 collection: every operation with its example, in an order that runs.

Two variables are to be set: `base_url` and `api_key` (and `provisioning_key` and `admin_token` for
what only campus IT may do). What is deleted was made a moment before: the call that makes it keeps
its id.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from mentorai.core.scopes import SCOPES
from mentorai.web.api.examples import JSON_TYPE, Example

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
SUCCESS = 'pm.test("answers as described", () => pm.response.to.be.success);'
KEYS = ("api_key", "provisioning_key", "admin_token")
# What no two calls may name alike: Postman puts the time behind it, so that it all runs again.
UNIQUE = {"make_mentor": "slug", "add_key": "name"}
Json = dict[str, Any]


def make_collection(examples: Sequence[Example], info: Mapping[str, Any], base_url: str) -> Json:
    """The collection of these calls. info: title and description of the API."""
    kept = _what_is_kept(examples)
    folders: dict[str, list[Json]] = {}
    # What is taken away again is taken away last.
    for example in sorted(examples, key=lambda one: one.method == "DELETE"):
        made = kept.get(example.operation_id, {})
        folders.setdefault(example.tag, []).append(_make_item(example, made))
    names = {name for made in kept.values() for name in made}
    return {
        "info": {
            "name": info["title"],
            "_postman_id": str(uuid.uuid5(uuid.NAMESPACE_URL, base_url)),
            "description": info["description"],
            "schema": SCHEMA,
        },
        "auth": _send_key("api_key"),
        "variable": [
            {"key": "base_url", "value": base_url},
            *({"key": name, "value": ""} for name in KEYS),
            *({"key": name, "value": ""} for name in sorted(names)),
        ],
        "item": [{"name": tag, "item": items} for tag, items in folders.items()],
    }


def _what_is_kept(examples: Sequence[Example]) -> dict[str, dict[str, str]]:
    """Operation -> name -> the field of its answer whose value later calls use."""
    kept: dict[str, dict[str, str]] = {}
    for example in examples:
        for name, (maker, field) in example.made_by.items():
            kept.setdefault(maker, {})[name] = field
    return kept


def _make_item(example: Example, made: Mapping[str, str]) -> Json:
    request: Json = {
        "method": example.method,
        "description": example.description,
        "header": [],
        "url": _make_url(example),
    }
    if example.is_for_admins:
        request["auth"] = _send_key("admin_token")
    elif not set(example.scopes) <= set(SCOPES):
        request["auth"] = _send_key("provisioning_key")
    if example.body is not None:
        request["header"] = [{"key": "Content-Type", "value": JSON_TYPE}]
        request["body"] = {
            "mode": "raw",
            "raw": json.dumps(_make_body(example), ensure_ascii=False, indent=2),
            "options": {"raw": {"language": "json"}},
        }
    keep = [
        f'pm.collectionVariables.set("{name}", pm.response.json().{field});'
        for name, field in made.items()
    ]
    script = {"type": "text/javascript", "exec": [SUCCESS, *keep]}
    event = [{"listen": "test", "script": script}]
    return {"name": example.summary, "event": event, "request": request}


def _make_body(example: Example) -> Any:
    name = UNIQUE.get(example.operation_id)
    return example.body | {name: example.body[name] + "-{{$timestamp}}"} if name else example.body


def _make_url(example: Example) -> Json:
    path = example.path.replace("{", ":").replace("}", "")
    places = [
        {"key": name, "value": example.places.get(name, f"{{{{{name}}}}}")}
        for name in example.names
    ]
    asked = "&".join(f"{name}={value}" for name, value in example.query.items())
    return {
        "raw": "{{base_url}}" + path + (f"?{asked}" if asked else ""),
        "host": ["{{base_url}}"],
        "path": path.strip("/").split("/"),
        "variable": places,
        "query": [{"key": name, "value": value} for name, value in example.query.items()],
    }


def _send_key(variable: str) -> Json:
    facts = {"key": "Authorization", "value": f"Api-Token {{{{{variable}}}}}", "in": "header"}
    pairs = [{"key": name, "value": value, "type": "string"} for name, value in facts.items()]
    return {"type": "apikey", "apikey": pairs}
