"""The picker's pages: staff choose what to place, and the platform gets a signed answer."""

from collections.abc import Callable
from uuid import UUID

from flask import g, render_template, request

from mentorai.core.engine import Engine
from mentorai.core.errors import UnknownRegistration
from mentorai.lti.deep_linking import sign_answer
from mentorai.lti.origins import find_origin
from mentorai.lti.tool import Tool
from mentorai.plugins.lti_launch.picker import list_offers, read_choice


class PickerPages:
    """Deep linking: staff pick a mentor or a quiz, and the platform gets a signed answer.

    find_binding: what the browser of this request shows to be known again, empty for nothing.
    """

    def __init__(self, engine: Engine, find_binding: Callable[[], str]) -> None:
        self._engine = engine
        self._tool = engine.room(Tool)
        self._find_binding = find_binding

    def show(self, request_id: UUID) -> str:
        """The mentors of the organization and their published quizzes."""
        asked = self._tool.deep_linking_requests.check(str(request_id), self._find_binding())
        return render_template(
            "lti_launch/picker.html",
            offers=list_offers(self._engine, asked.organization_id),
            several=asked.settings.accept_multiple,
        )

    def answer(self, request_id: UUID) -> str:
        """The signed answer, in a form that the browser brings to the platform."""
        kept = self._tool.deep_linking_requests
        asked = kept.check(str(request_id), self._find_binding())
        registration = self._tool.registrations.get(asked.organization_id, asked.registration_id)
        if not registration.is_active:
            raise UnknownRegistration("Launches from this LMS are switched off here.")
        offers = list_offers(self._engine, asked.organization_id)
        items = read_choice(offers, request.form.getlist("choice"), self._tool.launch_url)
        jwt = sign_answer(self._tool.tool_keys, registration, asked, items)
        kept.close(asked.id)
        g.form_targets = [find_origin(asked.settings.return_url)]
        return render_template(
            "lti_launch/answer.html", return_url=asked.settings.return_url, jwt=jwt
        )
