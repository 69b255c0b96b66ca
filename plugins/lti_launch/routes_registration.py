"""Dynamic registration: what the administrator of an LMS sees when they open an invitation.

These pages live in a frame or a window of the LMS and need no cookie: whoever knows the address
holds the invitation, and nobody else can send its form.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from flask import Blueprint, Response, jsonify, render_template, request

from mentorai.core.engine import Engine
from mentorai.core.errors import MentorAIError, NotFound
from mentorai.lti.dynamic_registration import DynamicRegistration, Offer
from mentorai.lti.origins import find_origin
from mentorai.lti.registration_documents import find_document
from mentorai.lti.setup_forms import find_guide, list_left
from mentorai.lti.tool import Tool
from mentorai.lti.tool_description import SCOPES, TOOL_CONFIGURATION

FORM_BYTES = 50_000
DOCUMENT_SECONDS = 300
log = structlog.get_logger(__name__)
Answer = str | Response


def add_registration_routes(routes: Blueprint, engine: Engine) -> None:
    """Put the pages of dynamic registration, and the documents to paste, on the blueprint."""
    pages = RegistrationPages(engine)
    rule = "/lti/register/<invitation>"
    routes.add_url_rule(rule, "invitation", pages.show, methods=["GET"])
    routes.add_url_rule(rule, "register", pages.register, methods=["POST"])
    routes.add_url_rule("/lti/configuration/<family>.json", "configuration", pages.configuration)


class RegistrationPages:
    """One invitation, from what it means to what came of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._registrations = engine.room(DynamicRegistration)

    def show(self, invitation: str) -> Answer:
        """What will be registered, with which LMS: the person is asked."""
        if request.method == "HEAD":
            # Whoever only looks makes us call nobody.
            return Response(status=204)
        url = request.args.get("openid_configuration", "")
        if not url:
            self._engine.room(Tool).invitations.check(invitation)
            return render_template("lti_launch/invited.html", address=request.base_url)
        token = request.args.get("registration_token", "")
        with _noted():
            offer = self._registrations.preview(invitation, url, token)
        return render_template(
            "lti_launch/register.html",
            offer=offer,
            token=token,
            opened_from=find_origin(request.referrer) or "",
            scopes=_list_scopes(offer),
            messages=offer.document[TOOL_CONFIGURATION]["messages"],
        )

    def register(self, invitation: str) -> Answer:
        """Register, and let the LMS close the window."""
        request.max_content_length = FORM_BYTES
        form = request.form
        with _noted():
            kept = self._registrations.register(
                invitation,
                form.get("openid_configuration", ""),
                form.get("registration_token", ""),
                issuer=form.get("issuer", ""),
            )
        named = (kept.issuer, form.get("openid_configuration"), form.get("opened_from"))
        origins = [find_origin(url) for url in (*named, kept.auth_url)]
        guide = find_guide(self._engine, kept.family or "lti")
        return render_template(
            "lti_launch/registered.html",
            registration=kept,
            left=list_left(guide, by_link=True) if guide else (),
            origins=" ".join(dict.fromkeys(origin for origin in origins if origin)),
        )

    def configuration(self, family: str) -> Answer:
        """The document that an administrator of this family of LMS pastes, or points to."""
        found = find_document(self._engine, family)
        if found is None:
            raise NotFound("There is no document for this family of LMS.")
        answer = jsonify(found.content)
        answer.headers["Cache-Control"] = f"public, max-age={DOCUMENT_SECONDS}"
        return answer


# The secret in the address guards it; an LMS's frame may keep no cookie for a token of ours.
RegistrationPages.register.csrf_exempt = True  # type: ignore[attr-defined]


@contextmanager
def _noted() -> Iterator[None]:
    """Note each refusal for campus IT."""
    try:
        yield
    except MentorAIError as error:
        log.warning("registration_refused", code=error.code, reason=error.message)
        raise


def _list_scopes(offer: Offer) -> list[str]:
    return [SCOPES.get(scope, scope) for scope in str(offer.document.get("scope", "")).split()]
