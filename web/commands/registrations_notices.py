"""`mentorai registrations notices`: what an LMS tells the tool by itself."""

import click


@click.command("notices")
@click.argument("registration_id")
@click.option("--off", is_flag=True, help="Do not be told any more.")
def notices(registration_id: str, off: bool) -> None:
    """Have REGISTRATION_ID tell us of copied courses, and show what it told last.

    The worker does it by itself after a launch named the service; this does it now. After --off
    it stays off until this command is run again.
    """
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened, print_rows

    with opened() as engine:
        tool, organization_id = engine.room(Tool), engine.organizations.get().id
        registration = tool.registrations.get(organization_id, registration_id)
        for service in tool.notice_services.list(organization_id, registration.id):
            tool.notice_services.subscribe(tool, service, wanted=not off)
        services = tool.notice_services.list(organization_id, registration.id)
        received = tool.notices.list(organization_id, registration.id)
    print_rows(
        ("DEPLOYMENT", "OFFERS", "TELLS US", "PROBLEM"),
        [
            (
                service.deployment_id,
                " ".join(service.offered) or "-",
                " ".join(service.subscribed) or "-",
                service.error_message or "-",
            )
            for service in services
        ],
        none="No launch of this LMS has named a notification service yet.",
    )
    if received:
        click.echo()
        print_rows(
            ("RECEIVED (UTC)", "DEPLOYMENT", "NOTICE"),
            [(f"{r.received_at:%Y-%m-%d %H:%M:%S}", r.deployment_id, r.kind) for r in received],
            none="",
        )
    if any(service.error_code for service in services):
        raise click.exceptions.Exit(1)
