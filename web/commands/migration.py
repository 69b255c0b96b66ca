"""`mentorai migration`: what an older LTI 1.1 connection knew people and places by."""

from typing import IO

import click


@click.group("migration")
def command() -> None:
    """Old ids of people and places, from a connection by LTI 1.1."""


@command.command("add-key")
@click.argument("consumer_key")
@click.option(
    "--secret-file",
    type=click.File("r"),
    help="Read the secret from this file (- for standard input) and ask nothing.",
)
def add_key(consumer_key: str, secret_file: IO[str] | None) -> None:
    """Keep CONSUMER_KEY with its secret, which LMSs sign their old ids with."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    secret = (
        secret_file.read().strip()
        if secret_file
        else click.prompt("Secret", hide_input=True, err=True)
    )
    with opened() as engine:
        keys = engine.room(Tool).consumer_keys
        keys.add(engine.organizations.get().id, consumer_key, secret)
    click.echo(f"{consumer_key} is kept; its secret is sealed and will not be shown.")


@command.command("keys")
def list_keys() -> None:
    """List the consumer keys."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened, print_rows

    with opened() as engine:
        found = engine.room(Tool).consumer_keys.list(engine.organizations.get().id)
    print_rows(
        ("CONSUMER KEY", "KEPT SINCE"),
        [(key.consumer_key, f"{key.created_at:%Y-%m-%d}") for key in found],
        none="There is no consumer key yet; see `mentorai migration add-key --help`.",
    )


@command.command("remove-key")
@click.argument("consumer_key")
def remove_key(consumer_key: str) -> None:
    """Forget CONSUMER_KEY and its secret; who was recognised by it stays recognised."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        engine.room(Tool).consumer_keys.remove(engine.organizations.get().id, consumer_key)
    click.echo(f"{consumer_key} is forgotten.")


@command.command("import-people")
@click.argument("consumer_key")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
def import_people(consumer_key: str, file: IO[str]) -> None:
    """Say whose the old user ids of CONSUMER_KEY are: FILE is CSV with a heading.

    Columns: user_id, and either person_id (ours) or registration_id and sub.
    """
    from mentorai.lti.legacy_tables import import_people as take
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        key = engine.room(Tool).consumer_keys.get(engine.organizations.get().id, consumer_key)
        count = take(engine, key, file)
    click.echo(f"{count} old user ids are known now.")


@command.command("import-places")
@click.argument("consumer_key")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
def import_places(consumer_key: str, file: IO[str]) -> None:
    """Say who answers in the old places of CONSUMER_KEY: FILE is CSV with a heading.

    Columns: resource_link_id, mentor (id or short name) and quiz (may be empty).
    """
    from mentorai.lti.legacy_tables import import_places as take
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        key = engine.room(Tool).consumer_keys.get(engine.organizations.get().id, consumer_key)
        count = take(engine, key, file)
    click.echo(f"{count} old places are known now.")


@command.command("waiting")
@click.option("--registration", "registration_id", help="Only those of this registration.")
def waiting(registration_id: str | None) -> None:
    """List what LMSs said of old ids without proof, and that waits for a decision."""
    from mentorai.lti.migration import REASONS
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened, print_rows

    with opened() as engine:
        found = engine.room(Tool).migrations.list(
            engine.organizations.get().id, registration_id=registration_id
        )
    print_rows(
        ("ID", "REGISTRATION", "WHAT", "PRESENT ID", "FORMER ID", "WHY IT WAITS"),
        [
            (r.id, r.registration_id, r.kind, r.present_id, r.former_id, REASONS[r.reason])
            for r in found
        ],
        none="Nothing waits.",
    )


@command.command("approve")
@click.argument("request_ids", nargs=-1)
@click.option(
    "--all-of",
    "registration_id",
    help="Approve all that waits of this registration. Look at the list first.",
)
def approve(request_ids: tuple[str, ...], registration_id: str | None) -> None:
    """Believe REQUEST_IDS: the two ids of each mean the same.

    A person's present id belongs to the former person from now on; what was done under it here
    until now stays with the record that the last launches made.
    """
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    if bool(request_ids) == bool(registration_id):
        raise click.UsageError("Name requests, or --all-of a registration.")
    with opened() as engine:
        migrations, organization_id = engine.room(Tool).migrations, engine.organizations.get().id
        if registration_id:
            engine.room(Tool).registrations.get(organization_id, registration_id)
        chosen = request_ids or tuple(
            r.id for r in migrations.list(organization_id, registration_id=registration_id)
        )
        for request_id in chosen:
            migrations.approve(organization_id, request_id)
    click.echo(f"{len(chosen)} approved.")


@command.command("refuse")
@click.argument("request_ids", nargs=-1, required=True)
def refuse(request_ids: tuple[str, ...]) -> None:
    """Never believe REQUEST_IDS; they are not asked again."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        for request_id in request_ids:
            engine.room(Tool).migrations.refuse(engine.organizations.get().id, request_id)
    click.echo(f"{len(request_ids)} refused.")
