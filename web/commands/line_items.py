"""`mentorai line-items`: the gradebook columns of an LMS, to put right what went wrong there."""

import click


@click.group("line-items")
def command() -> None:
    """The gradebook columns of an LMS."""


@command.command("list")
@click.argument("registration_id")
@click.argument("url")
@click.option("--link", default="", help="Only those of this resource link (the LMS's id).")
@click.option("--quiz", default="", help="Only those of this quiz (our id, their resourceId).")
@click.option("--tag", default="", help="Only those with this tag.")
@click.option("--page-size", default=0, help="How many a page; a wish.")
def list_(registration_id: str, url: str, link: str, quiz: str, tag: str, page_size: int) -> None:
    """Ask the LMS for the columns behind the line items address URL."""
    from mentorai.lti.line_items import list_line_items
    from mentorai.web.commands.opening import find_platform, opened, print_rows

    with opened() as engine:
        found = list(
            list_line_items(
                *find_platform(engine, registration_id),
                url,
                resource_link_id=link,
                resource_id=quiz,
                tag=tag,
                limit=page_size,
            )
        )
    print_rows(
        ("LABEL", "MAXIMUM", "QUIZ", "ADDRESS"),
        [(i.label, i.score_maximum, i.resource_id or "-", i.url) for i in found],
        none="The LMS lists no column.",
    )


@command.command("show")
@click.argument("registration_id")
@click.argument("url")
@click.option("--person", default="", help="Only what this person has (the LMS's id).")
@click.option("--page-size", default=0, help="How many a page; a wish; some LMSs fail on it.")
def show(registration_id: str, url: str, person: str, page_size: int) -> None:
    """Ask the LMS for the column at URL and for what it holds."""
    from mentorai.lti.line_items import get_line_item
    from mentorai.lti.results import list_results
    from mentorai.web.commands.opening import find_platform, opened, print_rows

    with opened() as engine:
        place = find_platform(engine, registration_id)
        item = get_line_item(*place, url)
        found = list(list_results(*place, item, subject=person, limit=page_size))
    click.echo(f"{item.label}, of {item.score_maximum}")
    rows = [(r.subject, "-" if r.given is None else r.given, r.maximum) for r in found]
    print_rows(("SUBJECT", "SCORE", "MAXIMUM"), rows, none="It holds nothing.")


@command.command("change")
@click.argument("registration_id")
@click.argument("url")
@click.option("--label", default="", help="Its new name.")
@click.option("--maximum", type=click.FloatRange(min=0, min_open=True), help="Its new maximum.")
def change(registration_id: str, url: str, label: str, maximum: float | None) -> None:
    """Change the column at URL; what is not named stays as it is."""
    from mentorai.lti.line_items import change_line_item
    from mentorai.web.commands.opening import find_platform, opened

    with opened() as engine:
        place = find_platform(engine, registration_id)
        item = change_line_item(*place, url, label=label, score_maximum=maximum)
    click.echo(f"{item.label}, of {item.score_maximum}")


@command.command("remove")
@click.argument("registration_id")
@click.argument("url")
@click.confirmation_option(prompt="Remove the column with every score in it?")
def remove(registration_id: str, url: str) -> None:
    """Remove the column at URL from the gradebook, with every score in it."""
    from mentorai.lti.line_items import remove_line_item
    from mentorai.web.commands.opening import find_platform, opened

    with opened() as engine:
        remove_line_item(*find_platform(engine, registration_id), url)
    click.echo("The column is gone.")
