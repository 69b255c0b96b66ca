"""The three ways in which a document is sent: a file, a text, an address to fetch it from."""

import io
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from flask import request
from pydantic import ConfigDict, Field, ValidationError
from werkzeug.datastructures import FileStorage

from mentorai.core.errors import InputRejected
from mentorai.lti.downloads import fetch_document
from mentorai.lti.tool import Tool
from mentorai.web.api.bodies import JSON, MARGIN_BYTES, read_object, reject, reject_fields
from mentorai.web.api.shapes import Shape
from mentorai.web.auth import get_engine
from mentorai.web.errors import KindNotTaken

MULTIPART = "multipart/form-data"
EXAMPLE: dict[str, Any] = {
    "name": "Tides.md",
    "text": "# Tides\n\nAt spring tide the water falls lowest, and most of the shore lies bare.\n",
    "media_type": "text/markdown",
}


class NewText(Shape):
    """A document to add, sent as text."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: str = Field(min_length=1, max_length=300)
    text: str = Field(min_length=1)
    media_type: str = Field(
        default="text/markdown", max_length=100, description="text/markdown, text/plain, text/html"
    )


class NewAddress(Shape):
    """A document to add, fetched from an address."""

    url: str = Field(
        min_length=1, max_length=2000, description="https, and on the public internet."
    )
    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=300,
        description="Instead of the last part of the address.",
    )


BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"oneOf": [NewText.model_json_schema(), NewAddress.model_json_schema()]},
            "example": EXAMPLE,
        },
        MULTIPART: {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "name": {"type": "string", "description": "Instead of the file's own name."},
                },
            }
        },
    },
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A document as it was sent. url: where it was fetched from, or empty."""

    name: str
    media_type: str
    stream: BinaryIO
    url: str = ""


def read_sent() -> Sent:
    """The document in this request, fetched if only its address was sent.

    Raises InputRejected, DocumentTooLarge, KindNotTaken.
    """
    if request.mimetype == MULTIPART:
        return _read_parts()
    if not request.is_json:
        raise KindNotTaken(MULTIPART, JSON)
    body = read_object(get_engine().settings.upload_bytes + MARGIN_BYTES)
    try:
        if "url" in body:
            address = NewAddress.model_validate(body)
            return fetch(address.url, address.name)
        text = NewText.model_validate(body)
    except ValidationError as error:
        reject(error)
    return Sent(text.name, text.media_type, io.BytesIO(text.text.encode()))


def _read_parts() -> Sent:
    # A part without a name is nobody's field, and does no harm.
    unknown = {name for name in (*request.files, *request.form) if name} - {"file", "name"}
    if unknown:
        reject_fields(unknown)
    files, names = request.files.getlist("file"), request.form.getlist("name")
    if len(names) > 1 or "name" in request.files:
        raise InputRejected({"name": ["One text, please."]})
    name = (names[0] if names else "") or (files[0].filename if files else "")
    if len(files) != 1 or "file" in request.form or not name:
        raise InputRejected({"file": ["One file with a name, please."]})
    return read_file(files[0], name)


def read_file(file: FileStorage, name: str) -> Sent:
    """A file that was sent."""
    return Sent(name, file.mimetype, cast(BinaryIO, file.stream))


def fetch(url: str, name: str | None) -> Sent:
    """A document fetched from an address. Raises InputRejected, DocumentTooLarge."""
    engine = get_engine()
    found = fetch_document(engine.room(Tool).http, engine.settings, url)
    return Sent(name or found.name, found.media_type, io.BytesIO(found.data), url)
