"""Setting the stage, and striking it: nothing of it stays in the installation."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
MARK_BYTES = 4
CLIENT_ID_LENGTH = len(PREFIX) + 2 * MARK_BYTES
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
    mark = secrets.token_hex(MARK_BYTES)
    calls = engine.settings.allow_loopback_platforms
    base_url = "" if calls else f"https://{mark}.{RESERVED}"
    client_id = f"{PREFIX}{mark}"
    remove_abandoned(engine)
    props = Props(engine, client_id)
    with running_platform(engine.settings.public_url, client_id, base_url) as platform:
        try:
            mentor = props.add_mentor()

            def register(name: str) -> Registration:
                return props.register(platform, name, laid=not calls)

            registration = props.register(platform, "", laid=not calls)
            stage = Stage(engine, platform, registration, mentor, calls=calls, register=register)
            try:
                yield stage
            finally:
                stage.close()
        finally:
            props.remove()


@dataclass
class Props:
    """What one run puts into an installation for a while.

    client_id: all of it bears this, so that it is found again wherever a signal ended the run.
    """

    engine: Engine
    client_id: str

    @property
    def organization_id(self) -> str:
        """Where the props stand."""
        return self.engine.organizations.get().id

    def add_mentor(self) -> Mentor:
        """A mentor who answers in the cases."""
        return self.engine.mentors.add(
            self.organization_id, TITLE, slug=self.client_id, author="mentorai certify"
        )

    def register(self, platform: Platform, name: str, *, laid: bool) -> Registration:
        """A registration of the platform, with a key set of its own if it has a name.

        laid: its keys are put where fetched ones are kept.
        """
        options, tool = platform.house.platform.options, self.engine.room(Tool)
        url = options.platform_keyset_url + (f"?set={name}" if name else "")
        registration = tool.registrations.add(
            self.organization_id,
            issuer=options.base_url,
            client_id=f"{self.client_id}-{name}" if name else self.client_id,
            auth_url=options.auth_url,
            token_url=options.token_url,
            keyset_url=url,
            deployment_ids=[options.deployment_id],
            name=TITLE,
        )
        if laid:
            tool.keysets.put(url, platform.house.platform.keys.published())
        return registration

    def remove(self) -> None:
        """Take everything away again. What cannot be removed is at least switched off."""
        tool, engine = self.engine.room(Tool), self.engine
        registrations = [
            each
            for each in tool.registrations.list(self.organization_id)
            if each.name == TITLE and each.client_id.startswith(self.client_id)
        ]
        for each in registrations:
            tool.registrations.disable(each.organization_id, each.id)
        for each in registrations:
            _try("registration", partial(self._remove, tool, each))
        for mentor in _list_mentors(engine, self.organization_id):
            if mentor.slug == self.client_id:
                act = partial(engine.mentors.remove, mentor.organization_id, mentor.id)
                _try("mentor", act)

    def _remove(self, tool: Tool, registration: Registration) -> None:
        remove_traces(self.engine.database, registration.id)
        tool.registrations.remove(registration.organization_id, registration.id)
        tool.keysets.forget(registration.keyset_url)


def remove_abandoned(engine: Engine) -> None:
    """Take away what earlier runs left that were killed."""
    left, organization_id = now() - ABANDONED, engine.organizations.get().id
    registrations = engine.room(Tool).registrations.list(organization_id)
    ours = [each for each in registrations if each.name == TITLE]
    names = [each.client_id for each in ours if each.created_at < left]
    mentors = _list_mentors(engine, organization_id)
    names += [mentor.slug for mentor in mentors if mentor.created_at < left]
    for client_id in {name[:CLIENT_ID_LENGTH] for name in names if name.startswith(PREFIX)}:
        Props(engine, client_id).remove()


def _list_mentors(engine: Engine, organization_id: str) -> list[Mentor]:
    known = engine.mentors.list(organization_id)
    return [mentor for mentor in known if mentor.display_name == TITLE]


def _try(what: str, act: Callable[[], object]) -> None:
    """Go on with the rest when one thing cannot be removed."""
    try:
        act()
    except Exception:
        log.exception("certification_not_removed", what=what)
