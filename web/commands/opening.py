"""How a command opens the engine, and how it prints rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.lti.registrations import Registration
    from mentorai.lti.tool import Tool


@contextmanager
def opened() -> "Iterator[Engine]":
    """The engine of this installation, closed afterwards; its log keeps to what went wrong.

    Raises ConfigurationError, PluginConflict; DatabaseUnavailable, which alone says so.
    """
    from mentorai.core import logs
    from mentorai.core.engine import Engine
    from mentorai.core.settings import Settings

    settings = Settings.load()
    is_terse = settings.log_level == "info"
    opening = settings.model_copy(update={"log_level": "error"}) if is_terse else settings
    engine = Engine.open(opening)
    if is_terse:
        logs.configure("warning")
    try:
        yield engine
    finally:
        engine.close()


def find_platform(engine: "Engine", name: str) -> "tuple[Tool, Registration]":
    """This tool and a registration of its organization. Raises as `find_registration` does."""
    from mentorai.lti.tool import Tool

    return engine.room(Tool), find_registration(engine, name)


def find_registration(engine: "Engine", name: str) -> "Registration":
    """The registration with this id, or with this client id if only one has it.

    Raises NotFound.
    """
    from mentorai.core.errors import NotFound
    from mentorai.lti.tool import Tool

    listed = engine.room(Tool).registrations.list(engine.organizations.get().id)
    found = [each for each in listed if each.id == name]
    found = found or [each for each in listed if each.client_id == name]
    if len(found) > 1:
        ids = ", ".join(each.id for each in found)
        raise NotFound(f"Several registrations have this client id; name one by its id: {ids}.")
    if not found:
        raise NotFound("There is no such registration; see `mentorai registrations list`.")
    return found[0]


def print_rows(headings: Sequence[str], rows: Sequence[Sequence[object]], *, none: str) -> None:
    """Print rows under their headings, in columns; `none` is the sentence for no rows."""
    if not rows:
        click.echo(none)
        return
    texts = [list(headings), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(text[column]) for text in texts) for column in range(len(headings))]
    for text in texts:
        cells = (cell.ljust(width) for cell, width in zip(text, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
