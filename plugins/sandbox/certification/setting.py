"""Setting the stage, and striking it: nothing of it stays in the installation."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import structlog

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.traces import remove_traces
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.plugins.sandbox.certification.stage import Stage
from mentorai.plugins.sandbox.certification.wire import Platform, running_platform

PREFIX = "certification-"
TITLE = "Certification (temporary, made by mentorai certify)"
# A reserved name (RFC 2606): nobody has it, so nothing that is sent there arrives anywhere.
RESERVED = "certification.invalid"
ABANDONED = timedelta(hours=1)
log = structlog.get_logger(__name__)


@contextmanager
def staged(engine: Engine) -> Iterator[Stage]:
    """The stage for cases against the installation whose engine this is.

    Where the installation may call this machine, the platform answers it there; elsewhere it has a
    reserved name, and its key set is laid where fetched ones are kept.
    """
    mark = secrets.token_hex(4)
    calls = engine.settings.allow_loopback_platforms
    base_url = "" if calls else f"https://{mark}.{RESERVED}"
    client_id = f"{PREFIX}{mark}"
    props = Props(engine)
    props.remove_abandoned()
    with running_platform(engine.settings.public_url, client_id, base_url) as platform:
        try:
            mentor = props.add_mentor(client_id)

            def register(name: str) -> Registration:
                return props.register(platform, f"{client_id}-{name}", name, laid=not calls)

            registration = props.register(platform, client_id, "", laid=not calls)
            stage = Stage(engine, platform, registration, mentor, calls=calls, register=register)
            try:
                yield stage
            finally:
                stage.close()
        finally:
            props.remove()


@dataclass
class Props:
    """What was put into an installation for a while."""

    engine: Engine
    registrations: list[Registration] = field(default_factory=list)
    mentors: list[Mentor] = field(default_factory=list)

    @property
    def organization_id(self) -> str:
        """Where the props stand."""
        return self.engine.organizations.get().id

    def add_mentor(self, slug: str) -> Mentor:
        """A mentor who answers in the cases."""
        mentor = self.engine.mentors.add(
            self.organization_id, TITLE, slug=slug, author="mentorai certify"
        )
        self.mentors.append(mentor)
        return mentor

    def register(
        self, platform: Platform, client_id: str, keyset: str, *, laid: bool
    ) -> Registration:
        """A registration of the platform. laid: its keys are put where fetched ones are kept."""
        options, tool = platform.house.platform.options, self.engine.room(Tool)
        url = options.platform_keyset_url + (f"?set={keyset}" if keyset else "")
        registration = tool.registrations.add(
            self.organization_id,
            issuer=options.base_url,
            client_id=client_id,
            auth_url=options.auth_url,
            token_url=options.token_url,
            keyset_url=url,
            deployment_ids=[options.deployment_id],
            name=TITLE,
        )
        self.registrations.append(registration)
        if laid:
            tool.keysets.put(url, platform.house.platform.keys.published())
        return registration

    def remove_abandoned(self) -> None:
        """Take away what an earlier run left that was killed."""
        left = now() - ABANDONED
        organization_id = self.organization_id
        found = self.engine.room(Tool).registrations.list(organization_id)
        old = Props(self.engine)
        old.registrations = [r for r in found if r.name == TITLE and r.created_at < left]
        old.mentors = [
            mentor
            for mentor in self.engine.mentors.list(organization_id)
            if mentor.slug.startswith(PREFIX)
            and mentor.display_name == TITLE
            and mentor.created_at < left
        ]
        old.remove()

    def remove(self) -> None:
        """Take everything away again. What cannot be removed is at least switched off."""
        tool, engine = self.engine.room(Tool), self.engine
        for each in self.registrations:
            tool.registrations.disable(each.organization_id, each.id)
        for each in self.registrations:
            _try("registration", partial(self._remove, tool, each))
        for mentor in self.mentors:
            act = partial(engine.mentors.remove, mentor.organization_id, mentor.id)
            _try("mentor", act)

    def _remove(self, tool: Tool, registration: Registration) -> None:
        remove_traces(self.engine.database, registration.id)
        tool.registrations.remove(registration.organization_id, registration.id)
        tool.keysets.forget(registration.keyset_url)


def _try(what: str, act: Callable[[], object]) -> None:
    """Go on with the rest when one thing cannot be removed."""
    try:
        act()
    except Exception:
        log.exception("certification_not_removed", what=what)
