"""A document read in a process of its own, whose time and memory are limited.

A document of a megabyte can be made so that it takes a reader minutes, or gigabytes. The process
gets the document and nothing else: no database, no secret, not even the settings. What it
computes comes back as JSON, and when it breaks a limit it ends and nothing else does.

Run as a program (`python -m mentorai.core.ingest.apart`) this module is that process.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mentorai.core.errors import (
    DocumentRejected,
    DocumentTooLarge,
    DocumentUnreadable,
    DocumentUnsupported,
    MentorAIError,
    PluginFailed,
)
from mentorai.core.ingest.passages import Piece
from mentorai.core.ingest.reading import ReadDocument, read_whole
from mentorai.core.plugin_manager import CORE, Plugins

if TYPE_CHECKING:
    from mentorai.core.settings import Settings

# What a process may wait for a processor or a disk, beside the time that it computes.
PATIENCE = 3
# Of the environment only what finding Python and its modules takes.
ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LANG", "LC_ALL", "SYSTEMROOT")
OUT_OF_MEMORY = "out_of_memory"
REJECTIONS: Mapping[str, type[DocumentRejected]] = {
    each.code: each for each in (DocumentTooLarge, DocumentUnreadable, DocumentUnsupported)
}


def longest_seconds(settings: "Settings") -> float:
    """The longest that `read_apart` can take, with some room."""
    return float(settings.reading_seconds * PATIENCE + 10)


def read_apart(
    plugins: Plugins, settings: "Settings", media_type: str, data: bytes
) -> ReadDocument:
    """Read a document as `read_whole` does, in a process of its own with limits.

    Plugins that were not installed but handed to the engine cannot be found from another
    process; where one of them reads documents, it is asked here.
    Raises as `read_whole` does, and DocumentUnreadable when a limit was met.
    """
    readers = plugins.find_installed("read_document")
    if readers is None:
        return read_whole(plugins, media_type, data, settings.text_characters)
    order = {
        "media_type": media_type,
        "readers": readers,
        "longest": settings.text_characters,
        "seconds": settings.reading_seconds,
        "memory_bytes": settings.reading_bytes,
    }
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
    )
    with process:
        try:
            said, _ = process.communicate(
                json.dumps(order).encode() + b"\n" + data, settings.reading_seconds * PATIENCE
            )
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise _too_slow(settings) from error
    if process.returncode == -getattr(signal, "SIGXCPU", 0):
        raise _too_slow(settings)
    return _read_answer(said, settings)


def _read_answer(said: bytes, settings: "Settings") -> ReadDocument:
    try:
        answer = json.loads(said)
    except ValueError as error:
        raise DocumentUnreadable("The document could not be read: its reader broke off.") from error
    if answer.get("code") == OUT_OF_MEMORY:
        limit = f"{settings.reading_bytes / 1_000_000:g} MB"
        raise DocumentUnreadable(f"Reading the document takes more than {limit} of memory.")
    if answer.get("code") == PluginFailed.code:
        raise PluginFailed(answer["plugin"], "read_document")
    if "code" in answer:
        raise REJECTIONS.get(answer["code"], DocumentUnreadable)(answer["message"])
    text = answer["text"]
    pieces = [
        Piece(heading, start, end, text[start:end], page)
        for heading, start, end, page in answer["pieces"]
    ]
    words = [(title, body) for title, body in answer["words"]]
    return ReadDocument(answer["language"], text, pieces, words)


def _too_slow(settings: "Settings") -> DocumentUnreadable:
    return DocumentUnreadable(
        f"Reading the document takes more than {settings.reading_seconds} s of computing."
    )


def _answer(order: Mapping[str, Any], data: bytes) -> Mapping[str, Any]:
    """What the process says of a document."""
    from mentorai.core import built_in

    plugins = Plugins()
    plugins.add(built_in, CORE)
    plugins.discover(order["readers"])
    try:
        read = read_whole(plugins, order["media_type"], data, order["longest"])
    except PluginFailed as error:
        return {"code": error.code, "plugin": error.plugin}
    except MentorAIError as error:
        return {"code": error.code, "message": error.message}
    return {
        "language": read.language,
        "text": read.text,
        "pieces": [(piece.heading, piece.start, piece.end, piece.page) for piece in read.pieces],
        "words": read.words,
    }


def _limit(seconds: int, memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits; the one who waits still has a clock.
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _main() -> None:
    from mentorai.core import logs

    # Lines of the log would otherwise stand in the answer.
    logs.configure("error")
    order = json.loads(sys.stdin.buffer.readline())
    _limit(order["seconds"], order["memory_bytes"])
    try:
        said = json.dumps(_answer(order, sys.stdin.buffer.read())).encode()
    except MemoryError:
        said = json.dumps({"code": OUT_OF_MEMORY}).encode()
    sys.stdout.buffer.write(said)


if __name__ == "__main__":
    _main()
