"""The privacy pages: what is kept here, of the one who looks and of all, to take and to delete."""

from collections.abc import Callable, Sequence
from uuid import UUID

import structlog
from flask import Blueprint, Response, g, json, redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from mentorai.core.engine import Engine
from mentorai.core.errors import NotFound
from mentorai.lti.data_privacy import PrivacyVisit
from mentorai.lti.tool import Tool

OURS = ("core", "lti_launch", "sandbox")
log = structlog.get_logger(__name__)


class PrivacyPages:
    """What a Data Privacy launch leads to.

    find_binding: what the browser of this request shows to be known again, empty for nothing.
    """

    def __init__(self, engine: Engine, find_binding: Callable[[], str]) -> None:
        self._engine = engine
        self._tool = engine.room(Tool)
        self._find_binding = find_binding

    def route(self, routes: Blueprint) -> None:
        """Put the pages on the blueprint."""
        place = "/lti/data-privacy/<uuid:visit_id>"
        routes.add_url_rule(place, "privacy", self.show)
        routes.add_url_rule(f"{place}/export.json", "privacy_export", self.export)
        routes.add_url_rule(f"{place}/delete", "privacy_confirm", self.confirm)
        routes.add_url_rule(f"{place}/delete", "privacy_delete", self.delete, methods=["POST"])

    def show(self, visit_id: UUID, *, deleted: int | None = None) -> str:
        """What is kept, why, for how long and where it goes; with the figures of this person."""
        visit = self._enter(visit_id)
        engine, organization_id = self._engine, visit.organization_id
        kept = engine.kept_data
        return render_template(
            "lti_launch/privacy.html",
            visit=visit,
            mine=kept.read_person(organization_id, visit.person_id) if visit.person_id else None,
            all=kept.read_organization(organization_id) if visit.is_administrator else None,
            models=_list_models(engine),
            session_hours=engine.settings.session_hours,
            deleted=deleted,
        )

    def export(self, visit_id: UUID) -> Response:
        """All that is kept of whoever looks, as a file."""
        visit, person_id = self._enter_own(visit_id)
        found = self._engine.kept_data.export(visit.organization_id, person_id)
        answer = Response(
            json.dumps(found, ensure_ascii=False, indent=2), mimetype="application/json"
        )
        answer.headers["Content-Disposition"] = 'attachment; filename="mentorai-my-data.json"'
        return answer

    def confirm(self, visit_id: UUID) -> str:
        """Ask once more before conversations are deleted."""
        visit, person_id = self._enter_own(visit_id)
        mine = self._engine.kept_data.read_person(visit.organization_id, person_id)
        return render_template("lti_launch/privacy_delete.html", visit=visit, mine=mine)

    def delete(self, visit_id: UUID) -> str | AnyResponse:
        """Delete the conversations of whoever looks."""
        visit, person_id = self._enter_own(visit_id)
        count = self._engine.kept_data.delete_conversations(visit.organization_id, person_id)
        log.info("own_conversations_deleted", count=count)
        if not count:
            return redirect(url_for("lti_launch.privacy", visit_id=visit_id), 303)
        return self.show(visit_id, deleted=count)

    def _enter(self, visit_id: UUID) -> PrivacyVisit:
        visit = self._tool.privacy_visits.check(str(visit_id), self._find_binding())
        registration = self._tool.registrations.get(visit.organization_id, visit.registration_id)
        g.framers = registration.framers
        return visit

    def _enter_own(self, visit_id: UUID) -> tuple[PrivacyVisit, str]:
        visit = self._enter(visit_id)
        if visit.person_id is None or not visit.is_own:
            raise NotFound("Nothing is kept here of you.")
        return visit, visit.person_id


def _list_models(engine: Engine) -> Sequence[str]:
    """The plugins that messages are sent to for an answer, besides the one that only quotes."""
    plugins = engine.plugins
    return [
        name
        for name in plugins.names()
        if name not in OURS and "complete_turn" in plugins.hooks_of(name)
    ]
