"""What callers send: strict JSON, the right kind of content, and errors that repeat nothing."""

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, NoReturn

from flask import g, request
from flask.json.provider import DefaultJSONProvider
from pydantic import ValidationError
from werkzeug.exceptions import BadRequest

from mentorai.core.errors import InputRejected
from mentorai.web.errors import KindNotTaken, Unreadable
from mentorai.web.framework import this_g, this_request

JSON, CSV = "application/json", "text/csv"
JSON_BYTES = 1_000_000
MARGIN_BYTES = 100_000
# More of a body than this is kept on disk and not in memory.
MEMORY_BYTES = 262_144
NOT_A_VALUE = re.compile(r"\\u0000|\\u[dD][89a-fA-F]")

WRITTEN_INSTANT = (
    "A date, a time and an offset, please, as in 2026-11-24T18:00:00Z; an address has %2B for +."
)
# Only these sentences of pydantic's would repeat the input or read badly.
SENTENCES = {
    "missing": "This is needed.",
    "extra_forbidden": "There is no such field.",
    "union_tag_invalid": "There is no such kind.",
    "union_tag_not_found": "The kind is missing.",
    "model_type": "An object, please.",
    "dict_type": "An object, please.",
    "datetime_parsing": WRITTEN_INSTANT,
    "datetime_from_date_parsing": WRITTEN_INSTANT,
    "timezone_aware": WRITTEN_INSTANT,
}


class StrictJson(DefaultJSONProvider):
    """JSON as RFC 8259 has it, and only text that every database can keep."""

    sort_keys = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Read JSON. Raises ValueError, also for NaN, NUL, half a character, a bottomless nest."""
        text = s.decode("utf-8") if isinstance(s, bytes) else s
        try:
            value = json.loads(text, parse_constant=_refuse, **kwargs)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if NOT_A_VALUE.search(text):
            _check_text(value)
        return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _check_text(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False).replace("\\\\", "")
    text.encode("utf-8")
    if "\\u0000" in text:
        raise ValueError("NUL is not text")


def read_object(limit_bytes: int = JSON_BYTES) -> dict[str, Any]:
    """The JSON object that was sent.

    Raises KindNotTaken (415), RequestEntityTooLarge (413), BadRequest (400) for what is
    not JSON, InputRejected for JSON that is not an object.
    """
    if not request.is_json:
        raise KindNotTaken(JSON)
    request.max_content_length = limit_bytes
    try:
        value = request.get_json()
    except BadRequest as error:
        raise Unreadable("The body is not JSON in UTF-8, or holds NUL or NaN.") from error
    if not isinstance(value, dict):
        raise InputRejected({"body": ["A JSON object, please."]})
    return value


def read_file(limit_bytes: int) -> BinaryIO:
    """The body as a file that can be read again from its beginning; a large one lies on disk.

    Raises RequestEntityTooLarge (413).
    """
    if "body_file" not in g:
        request.max_content_length = limit_bytes
        g.body_file = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 (close_file does)
        shutil.copyfileobj(request.stream, g.body_file, 65_536)
    file: BinaryIO = g.body_file
    file.seek(0)
    return file


def close_file(_error: BaseException | None) -> None:
    """Close the file of this request's body, if it was read as one."""
    held = this_g()
    if "body_file" in held:
        held.pop("body_file").close()


def check_address() -> None:
    """Refuse an address with NUL in it, which no database can look for."""
    environ = this_request().environ
    if "\0" in environ["PATH_INFO"] or "%00" in environ.get("QUERY_STRING", ""):
        raise BadRequest


def reject_fields(names: Iterable[str]) -> NoReturn:
    """Raise InputRejected for fields that there are not."""
    raise InputRejected({_call(name): [SENTENCES["extra_forbidden"]] for name in names})


def reject(error: ValidationError) -> NoReturn:
    """Raise InputRejected with a sentence for each thing that is wrong; it repeats no input."""
    raise InputRejected(explain(error)) from None


def explain(error: ValidationError) -> Mapping[str, list[str]]:
    """Field (dotted) -> sentences."""
    errors: dict[str, list[str]] = {}
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        place = list(problem["loc"])
        if problem["type"] == "extra_forbidden":
            place[-1] = _call(place[-1])
        sentence = (
            SENTENCES.get(problem["type"]) or problem["msg"].removeprefix("Value error, ") + "."
        )
        sentences = errors.setdefault(".".join(map(str, place)) or "body", [])
        # A validator's own message begins small, as an exception's does.
        sentences.append(sentence[0].upper() + sentence[1:].replace("..", "."))
    return errors


def _call(name: object) -> str:
    # The name of a field that is not ours is the caller's input.
    return str(name) if re.fullmatch("[a-z_]{1,40}", str(name)) else "unknown"
