"""`mentorai registrations`: which LMSs may launch this tool."""

import click


@click.group("registrations")
def command() -> None:
    """The LMSs that may launch this tool."""


@command.command("add")
@click.option("--issuer", required=True, help="The platform's issuer (`iss`).")
@click.option("--client-id", required=True, help="The client id the platform gave this tool.")
@click.option("--auth-url", required=True, help="Its OIDC authentication address.")
@click.option("--token-url", required=True, help="Its access token address.")
@click.option("--keyset-url", required=True, help="Its JWKS address.")
@click.option(
    "--deployment",
    "deployments",
    multiple=True,
    required=True,
    help="A deployment id; may be repeated.",
)
@click.option("--token-audience", default="", help="`aud` for the token address; itself if empty.")
@click.option("--name", default="", help="How people here call this LMS.")
@click.option(
    "--frame-origin",
    "frame_origins",
    multiple=True,
    help="An origin whose pages may frame the tool besides the issuer's; may be repeated.",
)
def add(
    issuer: str,
    client_id: str,
    auth_url: str,
    token_url: str,
    keyset_url: str,
    deployments: tuple[str, ...],
    token_audience: str,
    name: str,
    frame_origins: tuple[str, ...],
) -> None:
    """Register an LMS, and print what to enter there."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        tool = engine.room(Tool)
        made = tool.registrations.add(
            engine.organizations.get().id,
            issuer=issuer,
            client_id=client_id,
            auth_url=auth_url,
            token_url=token_url,
            keyset_url=keyset_url,
            deployment_ids=list(deployments),
            token_audience=token_audience,
            name=name,
            frame_origins=frame_origins,
        )
    click.echo(f"Registered as {made.id}. Enter in the LMS:")
    click.echo(f"  Login initiation URL  {tool.login_url}")
    click.echo(f"  Redirect URI          {tool.launch_url}")
    click.echo(f"  Target link URI       {tool.launch_url}")
    click.echo(f"  Public key set (JWKS) {tool.keyset_url}")


@command.command("list")
def list_() -> None:
    """List the registered LMSs."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened, print_rows

    with opened() as engine:
        found = engine.room(Tool).registrations.list(engine.organizations.get().id)
    print_rows(
        ("ID", "NAME", "ISSUER", "CLIENT ID", "DEPLOYMENTS", "STATUS"),
        [
            (
                r.id,
                r.name,
                r.issuer,
                r.client_id,
                " ".join(r.deployment_ids),
                r.status,
            )
            for r in found
        ],
        none="No LMS is registered yet; see `mentorai registrations add --help`.",
    )


@command.command("disable")
@click.argument("registration_id")
def disable(registration_id: str) -> None:
    """Refuse launches of REGISTRATION_ID from now on."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        engine.room(Tool).registrations.disable(engine.organizations.get().id, registration_id)
    click.echo(f"{registration_id} may not launch from now on.")
