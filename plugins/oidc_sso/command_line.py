"""`mentorai sign-on`: what to enter at the campus's providers, and whether they answer."""

import click


@click.group("sign-on")
def sign_on() -> None:
    """The campus's OpenID Connect providers, as oidc.toml names them."""


@sign_on.command()
def check() -> None:
    """Say what each provider must know of us, and what is wrong; exit code 1 when something is."""
    from mentorai.core import logs
    from mentorai.core.engine import Engine
    from mentorai.core.errors import MentorAIError
    from mentorai.core.settings import Settings
    from mentorai.plugins.oidc_sso.sign_on import SignOn

    engine = Engine.open(Settings.load())
    logs.configure("error")
    try:
        known = engine.room(SignOn)
        if not known.providers:
            click.echo("There is no provider: oidc.toml in the data directory names none.")
        wrong = 0
        for provider in known.providers.values():
            click.echo(f"{provider.name}: {provider.issuer}")
            click.echo(f"  redirect URI             {known.callback_url(provider)}")
            click.echo(f"  back-channel logout URI  {known.logout_url(provider)}")
            click.echo(f"  post-logout redirect URI {known.way_back_url}")
            try:
                keys = known.count_keys(provider)
                known.organization_of(provider)
            except MentorAIError as error:
                wrong += 1
                click.echo(f"  wrong                    {error.message}")
                continue
            click.echo(f"  answers                  with {keys} keys that can be used")
    finally:
        engine.close()
    if wrong:
        raise click.exceptions.Exit(1)
