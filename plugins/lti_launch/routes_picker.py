"""The picker's pages: staff choose what to place, and the platform gets a signed answer.

One address, one form: what it does is said by the button that sends it. Nothing is kept between
the steps but what the form holds, and only an answer uses the request up.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from flask import Response, g, make_response, render_template, request, send_file, url_for

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected, UnknownRegistration
from mentorai.lti.deep_linking_answer import DeepLinkingAnswer, sign_answer
from mentorai.lti.deep_linking_requests import DeepLinkingRequest
from mentorai.lti.origins import find_origin
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.plugins.lti_launch.picker import Offer, find_offers, list_offers, read_chosen
from mentorai.plugins.lti_launch.picker_details import (
    Details,
    list_zones,
    make_details,
    make_items,
    read_details,
)
from mentorai.plugins.lti_launch.picker_place import Place
from mentorai.plugins.lti_launch.placed_files import PlacedFiles
from mentorai.plugins.lti_launch.routes_binding import find_binding
from mentorai.plugins.lti_launch.routes_files import address_file
from mentorai.plugins.lti_launch.routes_held import Answer, HeldPages

ICON = Path(__file__).parent / "static" / "icon.png"
ICON_SECONDS = 86_400
PLACE = "/lti/deep-linking"
Errors = Mapping[str, Sequence[str]]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of this browser, and the platform that it came from."""

    request: DeepLinkingRequest
    registration: Registration
    place: Place


class PickerPages:
    """Deep linking: staff pick mentors and quizzes, and the platform gets a signed answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tool = engine.room(Tool)
        self._files = PlacedFiles(engine)
        self.held = HeldPages(self._tool, self._tool.deep_linking_requests.handoffs, PLACE)

    def show(self, request_id: UUID) -> Answer:
        """The mentors of the organization and their published quizzes."""
        return self.held.open(
            str(request_id), lambda binding: self._begin(self._check(request_id, binding))
        )

    def answer(self, request_id: UUID) -> Response:
        """What the pressed button says: find, details, back, cancel; else place what was chosen."""
        return self._answer(self._check(request_id, find_binding()))

    def answer_held(self, request_id: UUID) -> Answer:
        """The same from a page in a browser without cookies."""
        return self.held.open_held(
            str(request_id), lambda secret: self._answer(self._check(request_id, secret))
        )

    def _begin(self, asked: Asked) -> Response:
        offers = self._list_offers(asked)
        if not offers and not asked.place.takes_mentors:
            return _show("picker_nothing", asked, {})
        return self._show_choices(asked, offers, [], {})

    def _answer(self, asked: Asked) -> Response:
        act = request.form.get("act", "place")
        offers = self._list_offers(asked)
        if not offers and not asked.place.takes_mentors:
            return self._send(asked, _explain_nothing(asked))
        if act == "cancel":
            said = DeepLinkingAnswer(message="Nothing was chosen.", log="The person cancelled.")
            return self._send(asked, said)
        chosen = list(dict.fromkeys(request.form.getlist("choice")))
        if act in ("find", "back"):
            return self._show_choices(asked, offers, chosen, {})
        several = asked.request.settings.accept_multiple
        try:
            picked = read_chosen(offers, chosen, several=several)
        except InputRejected as error:
            return self._show_choices(asked, offers, chosen, error.errors)
        proposed = [make_details(o, asked.place, alone=len(picked) == 1) for o in picked]
        details = [read_details(request.form, n, one) for n, one in enumerate(proposed)]
        if act == "details":
            return self._show_details(asked, picked, details, {})
        return self._place(asked, picked, details)

    def icon(self) -> Response:
        """The picture that an LMS may show beside what was placed."""
        icon = send_file(ICON, max_age=ICON_SECONDS)
        # The pages that show it are the LMS's own.
        icon.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return icon

    def _place(self, asked: Asked, offers: Sequence[Offer], details: Sequence[Details]) -> Response:
        try:
            items = make_items(offers, details, request.form.get("zone", ""), asked.place)
        except InputRejected as error:
            return self._show_details(asked, offers, details, error.errors)
        count = f"{len(items)} {'item' if len(items) == 1 else 'items'}"
        return self._send(asked, DeepLinkingAnswer(items, log=f"mentorAI gave {count}."))

    def _check(self, request_id: UUID, binding: str) -> Asked:
        """The open request of whoever shows this binding. Raises StateMismatch, NonceReused,
        UnknownRegistration."""
        found = self._tool.deep_linking_requests.check(str(request_id), binding)
        registration = self._tool.registrations.get(found.organization_id, found.registration_id)
        if not registration.is_active:
            raise UnknownRegistration("Launches from this LMS are switched off here.")
        platform = find_origin(found.settings.return_url)
        g.framers = [*registration.framers, platform]
        settings = self._tool.settings
        place = Place(
            settings=found.settings,
            launch_url=self._tool.launch_url,
            icon_url=f"{settings.public_url}{url_for('lti_launch.icon')}",
            address_file=lambda document: (
                settings.public_url + address_file(self._files, registration, document)
            ),
            allow_http=settings.allow_loopback_platforms,
        )
        return Asked(found, registration, place)

    def _list_offers(self, asked: Asked) -> Sequence[Offer]:
        return list_offers(self._engine, asked.request.organization_id, asked.place)

    def _show_choices(
        self, asked: Asked, offers: Sequence[Offer], chosen: Sequence[str], errors: Errors
    ) -> Response:
        search = request.form.get("search", "").strip()[:200]
        shelf = find_offers(offers, search, chosen)
        return _show(
            "picker", asked, errors, shelf=shelf, offers=offers, search=search, chosen=chosen
        )

    def _show_details(
        self, asked: Asked, offers: Sequence[Offer], details: Sequence[Details], errors: Errors
    ) -> Response:
        return _show(
            "picker_details",
            asked,
            errors,
            things=list(zip(offers, details, strict=True)),
            zones=list_zones(),
            zone=request.form.get("zone", ""),
            search=request.form.get("search", "")[:200],
        )

    def _send(self, asked: Asked, answer: DeepLinkingAnswer) -> Response:
        """The signed answer, in a form that the browser brings to the platform."""
        return_url = asked.request.settings.return_url
        allow_http = asked.place.allow_http
        jwt = sign_answer(
            self._tool.tool_keys,
            asked.registration,
            asked.request,
            answer,
            allow_http=allow_http,
        )
        self._tool.deep_linking_requests.close(asked.request.id)
        log.info(
            "deep_linking_answered", registration=asked.registration.id, items=len(answer.items)
        )
        g.form_targets = [find_origin(return_url)]
        g.script_nonce = secrets.token_urlsafe(16)
        page = make_response(
            render_template("lti_launch/answer.html", return_url=return_url, jwt=jwt)
        )
        # Without it the post would come from "null", which careful platforms refuse.
        page.headers["Referrer-Policy"] = "strict-origin"
        return page


def _show(name: str, asked: Asked, errors: Errors, **facts: Any) -> Response:
    settings = asked.request.settings
    page = render_template(
        f"lti_launch/{name}.html",
        settings=settings,
        place=asked.place,
        several=settings.accept_multiple,
        context_title=asked.request.context_title,
        errors=errors,
        frame_origins=g.framers,
        **facts,
    )
    return make_response(page, 422 if errors else 200)


def _explain_nothing(asked: Asked) -> DeepLinkingAnswer:
    taken = ", ".join(asked.request.settings.accept_types) or "nothing that LTI knows"
    return DeepLinkingAnswer(
        error="mentorAI has nothing that can be placed here: it needs a place for LTI links.",
        error_log=f"The place takes {taken}; this tool offers ltiResourceLink, html and image, and "
        "link and file for the documents of its mentors.",
    )
