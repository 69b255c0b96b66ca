"""Setting up what the cases need: a toolkit with data that goes away, and an LMS on a free port."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server

from mentorai.core import logs
from mentorai.core.engine import Engine
from mentorai.core.installed_plugins import InstalledPlugin
from mentorai.core.plugin_manager import Plugins
from mentorai.core.settings import Settings
from mentorai.core.values import PlatformProfile
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.plugins.sandbox.certification.instance import choose_settings
from mentorai.plugins.sandbox.certification.wire import Platform, running_platform
from mentorai.plugins.sandbox.conformance.bench import Bench, Subject
from mentorai.plugins.sandbox.conformance.families import find_code
from mentorai.plugins.sandbox.personalities import PERSONALITIES
from mentorai.plugins.sandbox.server import QuietHandler

SLOW_SECONDS = -5.0
CLIENT_ID = "conformance"
PLATFORM_CLAIM = "https://purl.imsglobal.org/spec/lti/claim/tool_platform"


def read_subject(
    found: InstalledPlugin, claims: Mapping[str, Any], *, installed: bool = True
) -> Subject:
    """What is to be known of a plugin that loads.

    claims: how a launch of its LMS differs from the sandbox's; what it calls itself is read there.
    """
    alone = Plugins()
    alone.add(found.plugin, found.name)
    profile: PlatformProfile | None = alone.ask_alone(found.name, "platform_profile")
    says = claims.get(PLATFORM_CLAIM, claims.get("tool_platform"))
    code = says.get("product_family_code") if isinstance(says, Mapping) else None
    return Subject(
        name=found.name,
        plugin=found.plugin,
        profile=profile,
        hooks=alone.hooks_of(found.name),
        code=str(code or (find_code(profile.family) if profile else "lti")),
        claims=claims,
        installed=installed,
    )


@contextmanager
def benched(subject: Subject, plugins: Sequence[InstalledPlugin], folder: Path) -> Iterator[Bench]:
    """The bench for a plugin among all others that load; its data is in `folder`.

    Nobody but this machine is called.
    """
    settings = Settings.load(**choose_settings(folder))
    loaded = [(each.name, each.plugin) for each in plugins if each.plugin is not None]
    engine = Engine.open(settings, plugins=loaded)
    logs.configure("debug")
    try:
        with (
            _serving_keyset(engine),
            running_platform(settings.public_url, CLIENT_ID) as platform,
        ):
            if subject.family in PERSONALITIES:
                platform.house.platform.behave({"personality": subject.family})
                # Where a score is compared with the moment at which the last one came, a clock
                # that is a little slow saves the waiting. A bucket would hide other refusals.
                habits = {"clock_offset_seconds": SLOW_SECONDS, "throttles": False}
                platform.house.platform.behave(habits)
            mentor = engine.mentors.add(
                engine.organizations.get().id, "Tidal Pools", slug="tidal-pools", author="the kit"
            )
            registration = _register(engine, platform, subject)
            # Dozens of cases one after the other are more than a school's calls.
            engine.room(Tool).paces.lift(registration)
            yield Bench(subject, engine, platform, registration, mentor)
    finally:
        engine.close()
        logs.configure("warning")


def _register(engine: Engine, platform: Platform, subject: Subject) -> Registration:
    options, family, profile = platform.house.platform.options, subject.family, subject.profile
    # The sandbox wants an audience of its own only where it is like that LMS.
    audience = profile.token_audience if profile and family in PERSONALITIES else ""
    return engine.room(Tool).registrations.add(
        engine.organizations.get().id,
        issuer=options.base_url,
        client_id=CLIENT_ID,
        auth_url=options.auth_url,
        token_url=options.token_url,
        keyset_url=options.platform_keyset_url,
        deployment_ids=[options.deployment_id],
        name="Conformance",
        family=family,
        token_audience=audience or "",
    )


@contextmanager
def _serving_keyset(engine: Engine) -> Iterator[None]:
    """The tool's public keys at its own address, which is all that an LMS fetches from it here."""
    keyset = json.dumps(engine.room(Tool).tool_keys.read_keyset()).encode()

    def answer(_environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [keyset]

    settings = engine.settings
    server = make_server(
        settings.host, settings.port, answer, threaded=True, request_handler=QuietHandler
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
