"""`mentorai mentors`: make and list mentors."""

from pathlib import Path

import click


@click.group("mentors")
def command() -> None:
    """The mentors and their names."""


@command.command("add")
@click.argument("name")
@click.option("--slug", default="", help="Short name for addresses and commands.")
@click.option("--description", default="", help="What it is for, in a sentence.")
@click.option(
    "--prompt-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A text file with the system prompt.",
)
def add(name: str, slug: str, description: str, prompt_file: Path | None) -> None:
    """Make the mentor NAME."""
    from mentorai.web.commands.opening import opened

    facts = {"slug": slug, "description": description, "author": "command line"}
    if prompt_file:
        facts["system_prompt"] = prompt_file.read_text("utf-8")
    with opened() as engine:
        mentor = engine.mentors.add(engine.organizations.get().id, name, **facts)
    click.echo(f"{mentor.display_name} is there as {mentor.slug}")


@command.command("list")
def list_() -> None:
    """List the mentors."""
    from mentorai.web.commands.opening import opened, print_rows

    with opened() as engine:
        found = engine.mentors.list(engine.organizations.get().id)
    print_rows(
        ("SLUG", "NAME", "CREATED"),
        [(m.slug, m.display_name, f"{m.created_at:%Y-%m-%d}") for m in found],
        none="There is no mentor yet; make one with `mentorai mentors add NAME`.",
    )
