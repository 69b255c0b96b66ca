"""The command `mentorai`.

The commands' names and sentences are known here and a command's module is imported when it runs,
so that `mentorai --help` answers at once. A plugin adds commands in one of two ways: by an entry
point in the group `mentorai.commands` (added.py: listed by `--help`, loaded when it is run), or by
the hook `commands` (found when the name is asked for).
"""

import os
import sys
from importlib import import_module
from typing import Any

import click

BUILT_IN = {
    "serve": "Serve the pages and the API, and deliver scores.",
    "worker": "Deliver scores in a process of its own.",
    "demo": "Try everything on this machine, with a small LMS of its own.",
    "init": "Make the data directory, the database and the secrets.",
    "doctor": "Say what is wrong with this installation and what to do.",
    "registrations": "The LMSs that may launch this tool.",
    "tool-keys": "The keys that this tool signs with.",
    "migration": "Old ids of people and places, from a connection by LTI 1.1.",
    "launches": "The last launches and refused attempts of the LMSs.",
    "mentors": "The mentors and their names.",
    "enrollments": "Who is to work with which mentor, from a CSV file.",
    "rosters": "The people of courses, as the LMSs list them.",
    "line-items": "The gradebook columns of an LMS.",
    "datasets": "What the mentors have read.",
    "keys": "API keys for callers.",
    "plugins": "The plugins that are installed.",
}

# What is not there, as core and lti say it, and the command that shows what is.
LISTS = {
    "There is no such mentor.": "mentors list",
    "There is no such registration.": "registrations list",
    "There is no such invitation.": "registrations invitations",
    "There is no such key.": "keys list",
    "There is no such tool key.": "tool-keys list",
    "There is no such consumer key.": "migration keys",
    "There is no such request.": "migration waiting",
}


# What a page and the API call an error that nobody foresaw.
UNFORESEEN = "internal_error"


class Refused(click.ClickException):
    """One sentence on standard error, with the error's code; exit code 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"mentorai: {self.message}", file=file or sys.stderr)


class Commands(click.Group):
    """The built-in commands, then those of plugins; none is imported before it is needed."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return [*BUILT_IN, *sorted(_entry_points())]

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name in BUILT_IN:
            module = name.replace("-", "_")
            command: click.Command = import_module(f"mentorai.web.commands.{module}").command
            return command
        entries = _entry_points()
        if name in entries:
            loaded: click.Command = entries[name].load()
            return loaded
        return _ask_plugins(name)

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        sentence = "From a plugin; mentorai {} --help says more."
        others = [(name, sentence.format(name)) for name in sorted(_entry_points())]
        with formatter.section("Commands"):
            formatter.write_dl([*BUILT_IN.items(), *others])

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if os.environ.get("MENTORAI_LOG_LEVEL") == "debug":
                raise
            raise Refused(_explain(error)) from error


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data-dir", type=click.Path(file_okay=False), help="Where this installation's data lives."
)
@click.option("--parent", type=int, hidden=True, help="Stop when this process is gone.")
@click.version_option(package_name="mentorai-toolkit", prog_name="mentorai")
def main(data_dir: str | None, parent: int | None) -> None:
    """Put mentorAI, an AI mentor for a course, inside any LMS."""
    if data_dir:
        os.environ["MENTORAI_DATA_DIR"] = os.path.abspath(data_dir)
    if parent:
        from mentorai.web.commands.children import die_with

        die_with(parent)


def _entry_points() -> dict[str, Any]:
    from mentorai.web.commands.added import find_commands

    return dict(find_commands())


def _ask_plugins(name: str) -> click.Command | None:
    """The command that a plugin gives under this name through the hook `commands`."""
    from mentorai.core import logs
    from mentorai.core.plugin_manager import Plugins

    logs.configure("warning")
    plugins = Plugins()
    plugins.discover()
    for given in plugins.ask_all("commands"):
        for command in given:
            if isinstance(command, click.Command) and command.name == name:
                return command
    return None


def _explain(error: Exception) -> str:
    from mentorai.core.errors import DatabaseUnavailable, InputRejected, MentorAIError

    if isinstance(error, InputRejected):
        fields = " ".join(f"{k}: {' '.join(v)}" for k, v in error.errors.items())
        return f"{fields or error.message} [{error.code}]"
    if isinstance(error, DatabaseUnavailable):
        cause = getattr(error.__cause__, "orig", error.__cause__)
        return f"The database did not answer: {str(cause).splitlines()[0]} [{error.code}]"
    if isinstance(error, MentorAIError):
        shown = LISTS.get(error.message)
        way_on = f" `mentorai {shown}` shows what there is." if shown else ""
        return f"{error.message}{way_on} [{error.code}]"
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}. [{UNFORESEEN}]"
    reason = (str(error) or "no reason given").splitlines()[0]
    return (
        f"{type(error).__name__}: {reason} "
        "(MENTORAI_LOG_LEVEL=debug shows where; `mentorai doctor` may say why) "
        f"[{UNFORESEEN}]"
    )
