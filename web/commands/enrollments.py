"""`mentorai enrollments`: who is to work with which mentor, from a CSV file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mentorai.web.commands import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mentorai.core.bulk import BulkReport
    from mentorai.core.sheets import SheetRow


@click.group("enrollments")
def command() -> None:
    """Who is to work with which mentor, from a CSV file."""


@command.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--partial", is_flag=True, help="Pass over rows that are not right; take the others.")
@click.option("--mentor", help="The mentor's slug or id, where the rows name none.")
def apply(file: Path, dry_run: bool, partial: bool, mentor: str | None) -> None:
    """Bring the enrollments to what FILE says, a CSV file in UTF-8.

    Its first row names the columns: user, and any of mentor, platform, section, role, name,
    email, status. The same file again changes nothing. The exit code is 1 if a row is not right.
    """
    from mentorai.core.enrolment_rows import COLUMNS
    from mentorai.core.errors import InputRejected
    from mentorai.core.sheets import read_csv
    from mentorai.web.commands.opening import opened
    from mentorai.web.platforms import find_platforms

    with opened() as engine, file.open("rb") as stream:
        organization_id = engine.organizations.get().id
        mentor_id = engine.mentors.get(organization_id, mentor).id if mentor else None

        def read_rows() -> "Iterator[SheetRow]":
            stream.seek(0)
            return read_csv(stream, COLUMNS)

        try:
            report = engine.enrolments.apply(
                organization_id,
                mentor_id,
                read_rows,
                platforms=find_platforms(engine, organization_id),
                author="command line",
                dry_run=dry_run,
                atomic=not partial,
            )
        except InputRejected as error:
            for place, sentences in error.errors.items():
                _say(place, " ".join(sentences))
            raise Refused(f"{error.message} [{error.code}]") from error
    _print(report)
    if report.refused:
        raise SystemExit(1)


@command.command("list")
@click.option("--mentor", help="The mentor's slug or id; all mentors if not given.")
@click.option("--section", help="Only this section.")
def list_(mentor: str | None, section: str | None) -> None:
    """List the enrollments."""
    from mentorai.web.commands.opening import opened, print_rows

    rows, page = [], 1
    with opened() as engine:
        organization_id = engine.organizations.get().id
        slugs = {one.id: one.slug for one in engine.mentors.list(organization_id)}
        mentor_id = engine.mentors.get(organization_id, mentor).id if mentor else None
        while found := engine.enrolments.list(
            organization_id, mentor_id, section=section, page=page, page_size=1_000
        ):
            rows += [(slugs[e.mentor_id], e.user, e.section, e.role.value) for e in found]
            page += 1
    print_rows(("MENTOR", "USER", "SECTION", "ROLE"), rows, none="Nobody is enrolled.")


def _print(report: "BulkReport") -> None:
    for change in report.changes:
        what = " ".join(f"{name}={value}" for name, value in change.key.items())
        told = " ".join(
            f"{name}: {before or '(nothing)'} -> {after}"
            for name, (before, after) in change.fields.items()
            if change.action == "changed"
        )
        click.echo(f"line {change.line}: {change.action} {what} {told}".rstrip())
    if report.changes_left_out:
        click.echo(f"... and {report.changes_left_out} more.")
    for problem in report.problems:
        place = f"{problem.line}.{problem.field}" if problem.field else str(problem.line)
        _say(place, problem.message)
    if report.problems_left_out:
        click.echo(f"... and {report.problems_left_out} more problems.", err=True)
    counts = ", ".join(f"{count} {name}" for name, count in report.counts.items())
    click.echo(counts + ("." if report.is_applied else ". Nothing was written: a dry run."))


def _say(place: str, sentence: str) -> None:
    line, _, column = place.partition(".")
    click.echo(f"line {line}{f', {column}' if column else ''}: {sentence}", err=True)
