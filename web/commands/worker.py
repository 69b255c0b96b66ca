"""`mentorai worker`: deliver scores, rotate the tool keys, remind of API keys that end."""

import click


@click.command("worker")
def command() -> None:
    """Deliver scores in a process of its own.

    `mentorai serve` does this too unless MENTORAI_WORKER_INSIDE=false. Several workers may run.
    """
    from mentorai.core.engine import Engine
    from mentorai.core.jobs import Jobs, run_worker
    from mentorai.core.settings import Settings
    from mentorai.core.webhook_reminders import remind_of_keys
    from mentorai.core.webhook_sender import WebhookSender
    from mentorai.lti.tool import Tool
    from mentorai.lti.tool_key_schedule import tend_tool_keys

    engine = Engine.open(Settings.load())
    tool = engine.room(Tool)
    run_worker(
        engine,
        chores=[
            lambda: tend_tool_keys(tool),
            lambda: tool.notice_services.keep_up(tool),
            engine.keys.uses.prune,
            engine.key_reminders.tell,
            lambda: remind_of_keys(engine),
            engine.room(WebhookSender).forget_old,
            engine.end_expired_sessions,
            engine.room(Jobs).hand_samples,
        ],
    )
