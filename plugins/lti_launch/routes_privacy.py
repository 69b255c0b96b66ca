"""The privacy pages: what is kept here, of the one who looks and of all, to take and to delete."""

from collections.abc import Sequence
from uuid import UUID

import structlog
from flask import Blueprint, Response, g, json, redirect, render_template, request, url_for

from mentorai.core.engine import Engine
from mentorai.core.errors import NotFound
from mentorai.lti.data_privacy import PrivacyVisit
from mentorai.lti.tool import Tool
from mentorai.plugins.lti_launch.routes_binding import find_binding
from mentorai.plugins.lti_launch.routes_held import Answer, HeldPages

PLACE = "/lti/data-privacy"
OURS = ("core", "lti_launch", "sandbox")
log = structlog.get_logger(__name__)


class PrivacyPages:
    """What a Data Privacy launch leads to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tool = engine.room(Tool)
        self.held = HeldPages(self._tool, self._tool.privacy_visits.handoffs, PLACE)

    def route(self, routes: Blueprint) -> None:
        """Put the pages on the blueprint."""
        place = f"{PLACE}/<uuid:visit_id>"
        routes.add_url_rule(place, "privacy", self.show)
        routes.add_url_rule(f"{place}/export.json", "privacy_export", self.export)
        routes.add_url_rule(f"{place}/delete", "privacy_confirm", self.confirm)
        routes.add_url_rule(f"{place}/delete", "privacy_delete", self.delete, methods=["POST"])
        routes.add_url_rule(f"{place}/held", "privacy_held", self.act_held, methods=["POST"])

    def show(self, visit_id: UUID) -> Answer:
        """What is kept, why, for how long and where it goes; with the figures of this person."""
        return self.held.open(
            str(visit_id), lambda binding: self._show(self._enter(visit_id, binding))
        )

    def export(self, visit_id: UUID) -> Response:
        """All that is kept of whoever looks, as a file."""
        return self._export(self._enter(visit_id, find_binding()))

    def confirm(self, visit_id: UUID) -> str:
        """Ask once more before conversations are deleted."""
        return self._confirm(self._enter(visit_id, find_binding()))

    def delete(self, visit_id: UUID) -> Answer:
        """Delete the conversations of whoever looks."""
        visit = self._enter(visit_id, find_binding())
        count = self._delete(visit)
        if not count:
            return redirect(url_for("lti_launch.privacy", visit_id=visit_id), 303)
        return self._show(visit, deleted=count)

    def act_held(self, visit_id: UUID) -> Answer:
        """All of it in a browser without cookies, by the button that was pressed."""

        def act(secret: str) -> Answer:
            visit, wanted = self._enter(visit_id, secret), request.form.get("act")
            if wanted == "export":
                return self._export(visit)
            if wanted == "confirm":
                return self._confirm(visit)
            return self._show(visit, deleted=self._delete(visit) if wanted == "delete" else 0)

        return self.held.open_held(str(visit_id), act)

    def _show(self, visit: PrivacyVisit, *, deleted: int = 0) -> str:
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

    def _export(self, visit: PrivacyVisit) -> Response:
        found = self._engine.kept_data.export(visit.organization_id, _find_own(visit))
        answer = Response(
            json.dumps(found, ensure_ascii=False, indent=2), mimetype="application/json"
        )
        answer.headers["Content-Disposition"] = 'attachment; filename="mentorai-my-data.json"'
        return answer

    def _confirm(self, visit: PrivacyVisit) -> str:
        mine = self._engine.kept_data.read_person(visit.organization_id, _find_own(visit))
        return render_template("lti_launch/privacy_delete.html", visit=visit, mine=mine)

    def _delete(self, visit: PrivacyVisit) -> int:
        person_id = _find_own(visit)
        count = self._engine.kept_data.delete_conversations(visit.organization_id, person_id)
        log.info("own_conversations_deleted", count=count)
        return count

    def _enter(self, visit_id: UUID, binding: str) -> PrivacyVisit:
        visit = self._tool.privacy_visits.check(str(visit_id), binding)
        registration = self._tool.registrations.get(visit.organization_id, visit.registration_id)
        g.framers = registration.framers
        return visit


# The secret that such a page holds guards it.
PrivacyPages.act_held.csrf_exempt = True  # type: ignore[attr-defined]


def _find_own(visit: PrivacyVisit) -> str:
    """The id of the person who looks. Raises NotFound if nothing is kept of them."""
    if visit.person_id is None or not visit.is_own:
        raise NotFound("Nothing is kept here of you.")
    return visit.person_id


def _list_models(engine: Engine) -> Sequence[str]:
    """The plugins that messages are sent to for an answer, besides the one that only quotes."""
    plugins = engine.plugins
    return [
        name
        for name in plugins.names()
        if name not in OURS and "complete_turn" in plugins.hooks_of(name)
    ]
