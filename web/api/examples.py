"""One example call of each operation, read from the API's own description.

The snippets, the Postman collection and the tests all make their calls of these. An operation
carries its example beside its code: `examples` of the body's shape, and of the parameters that it
cannot do without.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
JSON_TYPE = "application/json"
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Example:
    """A call that succeeds as it stands at a mentor with something of every kind.

    path: with {names}. places: example values for some of these; those of a deletion have none.
    query: the parameters that must be there. body: None without one.
    is_for_admins: no API key may make the call.
    made_by: for a name without a value, the operation whose answer holds one, and its field.
    """

    operation_id: str
    tag: str
    summary: str
    description: str
    method: str
    path: str
    scopes: tuple[str, ...]
    is_for_admins: bool
    places: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    made_by: Mapping[str, tuple[str, str]]

    @property
    def names(self) -> Sequence[str]:
        """The names in the path, in their order."""
        return re.findall(r"\{(\w+)\}", self.path)


def read_examples(description: Json) -> Sequence[Example]:
    """The examples of every operation, in the order of the description."""
    return [
        _read(description, path, method, operation)
        for path, item in description["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def _read(description: Json, path: str, method: str, operation: Json) -> Example:
    places, query = {}, {}
    for parameter in operation.get("parameters", ()):
        value = _example_of(parameter)
        if value is not None and parameter["in"] == "path":
            places[parameter["name"]] = str(value)
        elif value is not None and parameter["in"] == "query" and parameter.get("required"):
            query[parameter["name"]] = str(value)
    return Example(
        operation_id=operation["operationId"],
        tag=operation["tags"][0],
        summary=operation["summary"],
        description=operation["description"],
        method=method.upper(),
        path=path,
        scopes=_scopes(operation),
        is_for_admins=not any("KeyAuth" in way for way in operation["security"]),
        places=places,
        query=query,
        body=_body(description, operation),
        made_by=dict(_makers(description, path, places)),
    )


def _example_of(parameter: Json) -> Any:
    examples = parameter["schema"].get("examples") or [None]
    return parameter.get("example", examples[0])


def _scopes(operation: Json) -> tuple[str, ...]:
    ways = operation.get("security", ())
    return tuple(sorted({scope for way in ways for needed in way.values() for scope in needed}))


def _body(description: Json, operation: Json) -> Any:
    content = operation.get("requestBody", {}).get("content", {}).get(JSON_TYPE)
    if content is None:
        return None
    if "example" in content:
        return content["example"]
    schema = _resolve(description, content["schema"])
    return (schema.get("examples") or [{}])[0]


def _resolve(description: Json, schema: Json) -> Json:
    name = schema.get("$ref", "").rpartition("/")[2]
    return description["components"]["schemas"][name] if name else schema


def _makers(description: Json, path: str, places: Json) -> Iterator[tuple[str, tuple[str, str]]]:
    """For each name without an example: who makes such a thing, and where its answer says it."""
    for name in re.findall(r"\{(\w+)\}", path):
        if name in places:
            continue
        collection = path.partition(f"/{{{name}}}")[0]
        for maker in description["paths"].get(collection, {}).values():
            made = maker["responses"].get("201")
            if made and JSON_TYPE in made.get("content", {}):
                shape = _resolve(description, made["content"][JSON_TYPE]["schema"])
                field = next(f for f in (name, "id", "unique_id") if f in shape["properties"])
                yield name, (maker["operationId"], field)
