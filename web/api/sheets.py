"""Sheets by API: many rows in one call, as CSV or JSON, looked at first or applied at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, request
from pydantic import BaseModel, Field

from mentorai.core.bulk import BulkReport, Rows
from mentorai.core.errors import InputRejected
from mentorai.core.sheets import Column, read_csv, read_items
from mentorai.web.api.bodies import CSV, JSON, read_file, read_object
from mentorai.web.api.replies import reply
from mentorai.web.api.shapes import Shape
from mentorai.web.auth import get_engine
from mentorai.web.errors import KindNotTaken

ITEMS = 10_000
JSON_BYTES = 10_000_000


class SheetQuery(Shape):
    """How to take the rows."""

    dry_run: bool = Field(default=False, description="Only say what would happen.")
    atomic: bool = Field(
        default=True,
        description="All rows or, if one is not right, none; `false`: pass over those that are "
        "not right.",
    )


class RowProblemFacts(BaseModel):
    """What is wrong with one row."""

    line: int = Field(description="Where the row begins; of JSON: which one it is, from 1.")
    field: str = Field(description="The column, or empty for the row as a whole.")
    message: str


class RowChangeFacts(BaseModel):
    """What is done for one row."""

    line: int
    action: str = Field(description="created, changed or removed")
    key: dict[str, str] = Field(description="What names it.")
    fields: dict[str, tuple[str, str]] = Field(description="Column: before, after.")


class SheetReport(BaseModel):
    """What became of the rows, or would."""

    dry_run: bool
    atomic: bool
    applied: bool = Field(description="Whether anything was written.")
    rows: int
    created: int
    changed: int
    removed: int
    unchanged: int
    refused: int
    problems: list[RowProblemFacts] = Field(description="The first 200.")
    problems_left_out: int
    changes: list[RowChangeFacts] = Field(description="The first 200.")
    changes_left_out: int


def describe_sheet(name: str, columns: Sequence[Column], example: Mapping[str, str]) -> Any:
    """The request body of a sheet, for OpenAPI. name: what the JSON calls its rows."""
    fields = {
        column.name: {"type": "string", "maxLength": column.length}
        | ({"enum": [*column.choices, ""]} if column.choices else {})
        for column in columns
    }
    needed = [column.name for column in columns if column.is_needed]
    row = {"type": "object", "properties": fields, "required": needed}
    schema = {
        "type": "object",
        "required": [name],
        "additionalProperties": False,
        "properties": {
            name: {
                "type": "array",
                "maxItems": ITEMS,
                "items": row | {"additionalProperties": False},
            }
        },
    }
    lines = f"{','.join(example)}\n{','.join(example.values())}\n"
    return {
        "required": True,
        "content": {
            "application/json": {"schema": schema, "example": {name: [dict(example)]}},
            CSV: {"schema": {"type": "string"}, "example": lines},
        },
    }


def read_rows(name: str, columns: Sequence[Column]) -> Rows:
    """The rows that were sent. Raises KindNotTaken (415), InputRejected."""
    if request.mimetype == CSV:
        charset = request.mimetype_params.get("charset", "utf-8").lower()
        if charset not in ("utf-8", "utf8"):
            raise InputRejected({"body": ["CSV in UTF-8, please."]})
        limit = get_engine().settings.upload_bytes
        read_file(limit)
        return lambda: read_csv(read_file(limit), columns)
    if not request.is_json:
        raise KindNotTaken(CSV, JSON)
    body = read_object(JSON_BYTES)
    items = body.get(name)
    if body.keys() != {name} or not isinstance(items, list):
        raise InputRejected({name: ["An array of objects, and nothing beside it, please."]})
    if len(items) > ITEMS:
        raise InputRejected({name: [f"At most {ITEMS} in JSON, please; CSV takes more."]})
    return lambda: read_items(items, columns)


def reply_report(report: BulkReport, query: SheetQuery) -> Response:
    """What became of the rows."""
    return reply(
        SheetReport(
            dry_run=query.dry_run,
            atomic=query.atomic,
            applied=report.is_applied,
            problems=[
                RowProblemFacts(line=one.line, field=one.field, message=one.message)
                for one in report.problems
            ],
            problems_left_out=report.problems_left_out,
            changes=[
                RowChangeFacts(
                    line=one.line, action=one.action, key=dict(one.key), fields=dict(one.fields)
                )
                for one in report.changes
            ],
            changes_left_out=report.changes_left_out,
            **report.counts,
        )
    )
