"""`mentorai worker`: deliver scores apart from the server."""

import click


@click.command("worker")
def command() -> None:
    """Deliver scores in a process of its own.

    `mentorai serve` does this too unless MENTORAI_WORKER_INSIDE=false. Several workers may run.
    """
    from mentorai.core.engine import Engine
    from mentorai.core.jobs import run_worker
    from mentorai.core.settings import Settings

    run_worker(Engine.open(Settings.load()))
