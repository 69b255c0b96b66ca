"""The API's promise, one line an operation and one a shape, in contract.txt.

A change that shows here is felt by those who call: names only ever come, none goes or changes.
Renew the file, and read its difference:

    RENEW=1 make test ARGS=tests/web/api/test_snapshot.py
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mentorai.web.api.resource import PREFIX

SNAPSHOT = Path(__file__).with_name("contract.txt")


def _name(schema: dict[str, Any]) -> str:
    """A schema in a word: Shape, [Shape], string, string|null."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    kinds = schema.get("anyOf") or schema.get("oneOf")
    if kinds:
        return "|".join(_name(kind) for kind in kinds)
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return "/".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"[{_name(schema.get('items', {}))}]"
    return str(schema.get("format") or schema.get("type") or "any")


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    scopes = {s for way in operation["security"] for needed in way.values() for s in needed}
    schemes = {scheme for way in operation["security"] for scheme in way}
    anyone = "any key" if "KeyAuth" in schemes else "admins alone"
    words = [f"{method.upper():<6} {path.removeprefix(PREFIX)}", *(scopes or [anyone])]
    words += ["or admins"] if {"KeyAuth", "AdminToken"} <= schemes else []
    for parameter in operation.get("parameters", []):
        if parameter["in"] != "path":
            sign = {"query": "?", "header": "#"}[parameter["in"]]
            words.append(f"{sign}{parameter['name']}{'!' if parameter.get('required') else ''}")
    sent = operation.get("requestBody", {}).get("content", {})
    words += [f"<{_body(media_type, facts)}" for media_type, facts in sent.items()]
    for status, response in sorted(operation["responses"].items()):
        if int(status) < 400:
            kinds = response.get("content", {}).items()
            words.append(f"{status}={','.join(_body(*kind) for kind in kinds) or 'nothing'}")
    words.append(" ".join(sorted(s for s in operation["responses"] if int(s) >= 400)))
    return "  ".join(words)


def _body(media_type: str, facts: dict[str, Any]) -> str:
    name = _name(facts["schema"])
    return name if media_type == "application/json" else f"{media_type}"


def _shape(name: str, schema: dict[str, Any]) -> str:
    needed = set(schema.get("required", ()))
    fields = [
        f"{field}{'' if field in needed else '?'}:{_name(facts)}"
        for field, facts in schema.get("properties", {}).items()
    ]
    return f"{name}  {' '.join(fields) or _name(schema)}"


def draw_contract(spec: dict[str, Any]) -> Iterator[str]:
    """The contract in lines."""
    yield "# ?query #header !needed <body status=answer, then the statuses of failures"
    for path, item in sorted(spec["paths"].items()):
        yield from (_operation(path, method, facts) for method, facts in item.items())
    yield "\n# shape  field:type field?:may be left out"
    shapes = spec["components"]["schemas"]
    yield from (_shape(name, shapes[name]) for name in sorted(shapes))


def test_contract_is_the_one_that_was_promised(client):
    drawn = "\n".join(draw_contract(client.get(f"{PREFIX}/openapi.json").json)) + "\n"

    if os.environ.get("RENEW"):
        SNAPSHOT.write_text(drawn, "utf-8")

    assert drawn.splitlines() == SNAPSHOT.read_text("utf-8").splitlines()
