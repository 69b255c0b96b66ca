"""Idempotency-Key: a POST sent again is answered as the first time, and happens once."""

import hashlib
import re
from contextlib import ExitStack
from functools import partial
from typing import IO

from flask import Response, after_this_request, g, request

from mentorai.core.errors import InputRejected
from mentorai.core.idempotency import KeptAnswer, RepeatableCalls
from mentorai.web.api.bodies import CSV, read_file
from mentorai.web.auth import caller, get_engine
from mentorai.web.framework import this_g

HEADER = "Idempotency-Key"
NAME = re.compile(r"[\x21-\x7e]{1,255}")
STREAM = "text/event-stream"


class _Undone(Exception):
    """A call failed, or was answered before: nothing of it is kept."""


def recall_answer(*, is_whole: bool) -> Response | None:
    """The answer this POST had before; None if it is the first, or was given no name.

    is_whole: whether all that it does is one transaction, its answer among it. If its process dies
    nothing of it happened, and whoever sends it meanwhile waits.
    Raises Conflict (409) while the first is being answered, InputRejected (422) if the name
    belongs to another call.
    """
    name = request.headers.get(HEADER)
    if name is None:
        return None
    if not NAME.fullmatch(name):
        raise InputRejected({HEADER: ["1 to 255 visible ASCII characters, please."]})
    if STREAM in request.headers.get("Accept", ""):
        raise InputRejected({HEADER: ["A stream cannot be repeated; ask for JSON."]})
    fingerprint = _fingerprint()
    g.repeatable_ends = ends = ExitStack()
    if is_whole:
        ends.enter_context(get_engine().database.whole())
    kept = _calls().begin(caller().id, name, fingerprint)
    if kept is None:
        after_this_request(partial(_keep_answer, name))
        return None
    undo()
    answer = Response(kept.body, kept.status, mimetype=kept.media_type)
    answer.headers["Idempotency-Replayed"] = "true"
    return answer


def _keep_answer(name: str, response: Response) -> Response:
    """Keep a good answer of a named call; forget the call if it failed.

    A view whose answer may not be kept as it is puts what may into `g.kept_body`.
    """
    if response.status_code < 300 and not response.is_streamed:
        # A secret is shown once, and kept nowhere.
        body = g.pop("kept_body", None) or response.get_data()
        answer = KeptAnswer(response.status_code, response.mimetype or "", body)
        _calls().finish(caller().id, name, answer)
        ends: ExitStack = g.pop("repeatable_ends")
        ends.close()
    else:
        undo()
        _calls().forget(caller().id, name)
    return response


def undo(_error: BaseException | None = None) -> None:
    """Take back what a named call did that is not answered well, if it was one transaction."""
    held = this_g()
    if "repeatable_ends" in held:
        ends: ExitStack = held.pop("repeatable_ends")
        ends.__exit__(_Undone, _Undone(), None)


def _calls() -> RepeatableCalls:
    return RepeatableCalls(get_engine().database)


def _fingerprint() -> str:
    digest = hashlib.sha256(f"{request.method} {request.full_path}\n".encode())
    if request.mimetype == CSV:
        digest.update(_hash(read_file(get_engine().settings.upload_bytes)))
        return digest.hexdigest()
    if request.mimetype != "multipart/form-data":
        digest.update(request.get_data())
        return digest.hexdigest()
    # The border between the parts differs each time; what they hold does not.
    for field, value in sorted(request.form.items(multi=True), key=_by_name):
        digest.update(f"{field}={value}\n".encode())
    for field, file in sorted(request.files.items(multi=True), key=_by_name):
        digest.update(f"{field}={file.filename}\n".encode() + _hash(file.stream))
    return digest.hexdigest()


def _by_name(part: tuple[str | None, object]) -> str:
    # A part may have come without a name, whatever the framework says of its type.
    return part[0] or ""


def _hash(file: IO[bytes]) -> bytes:
    digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
    file.seek(0)
    return digest.digest()
