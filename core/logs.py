"""The log: one JSON object a line, with no secret and nobody's words in it.

An exception is logged by its type and its places in the code, never by its message or its
variables: those hold what people sent.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import structlog

from mentorai.core.clock import write_now
from mentorai.core.errors import MentorAIError
from mentorai.core.log_lines import LogLines

KEY_PATTERN = re.compile(r"mai_[0-9A-Za-z]{10}_[0-9A-Za-z]{40,60}")
TOKEN_PATTERN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
INVITATION_PATTERN = re.compile(r"mri_[\w-]{40,60}")
FRAMES = 12
LEVELS = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}


def configure(level: str) -> None:
    """Write log lines of at least `level` to standard error. Calling it again changes the level."""
    _output.level = LEVELS[level.lower()]
    logging.getLogger().addHandler(_libraries)
    structlog.configure(
        processors=[
            _name_request,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _name_exception,
            _write_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_output.level),
        logger_factory=_output,
        cache_logger_on_first_use=False,
    )


def write_call(
    method: str, path: str, status: int, milliseconds: float, request_id: str, level: str = "info"
) -> None:
    """The line of one answered call.

    It is what structlog would write, for a sixth of the time: every answer waits for it.
    """
    if LEVELS[level] < _output.level:
        return
    _output.msg(
        _redact(
            f'{{"method": {_quote(method)}, "path": {_quote(path)}, "status": {status}, '
            f'"ms": {milliseconds}, "event": "request", "request_id": {_quote(request_id)}, '
            f'"level": "{level}", "timestamp": "{write_now()}"}}'
        )
    )


def name_request(request_id: str) -> None:
    """Have the lines that are written from here on in this thread or greenlet name the request."""
    _request_id.set(request_id)


def get_request_id() -> str:
    """The request that is being answered here, as its lines name it; empty if there is none."""
    return _request_id.get()


def gather() -> None:
    """Have this process write what tells of no trouble together, some ten times a second."""
    _output.gather()


class _Libraries(logging.Handler):
    """What a library tells of trouble, as one of our lines: where it was, and never its words.

    Without a handler the standard library prints those, with the text of an exception.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of one record."""
        structlog.get_logger().log(
            record.levelno,
            "library_trouble",
            library=record.name,
            at=[f"{record.filename}:{record.lineno} {record.funcName}"],
            exc_info=record.exc_info and record.exc_info[1],
        )


_output = LogLines()
_libraries = _Libraries(logging.WARNING)
# structlog's own variables take ten times as long to set.
_request_id: ContextVar[str] = ContextVar("request_id", default="")
# json.dumps makes an encoder for each line that is not to be ASCII.
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=repr)
# What an encoder comes to for a text, after a look at what it is to be for.
_quote = json.encoder.encode_basestring


def _write_json(_logger: object, _method: str, line: MutableMapping[str, Any]) -> str:
    return _redact(_ENCODER.encode(line))


def _name_request(
    _logger: object, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if request_id := _request_id.get():
        line["request_id"] = request_id
    return line


def _name_exception(
    _logger: object, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    info = line.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info
    if isinstance(error, BaseException):
        line["exception"] = type(error).__name__
        line["at"] = [
            f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-FRAMES:]
        ]
        if isinstance(error, MentorAIError):
            line["code"] = error.code
    return line


def _redact(line: str) -> str:
    # Looking for the first letters costs a tenth of what a pattern does.
    if "mai_" in line or "eyJ" in line or "mri_" in line:
        line = TOKEN_PATTERN.sub("[token]", KEY_PATTERN.sub("[api key]", line))
        line = INVITATION_PATTERN.sub("[invitation]", line)
    return line
