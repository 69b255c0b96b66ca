"""The launch log, for campus IT: what launches of one platform came to, and what fits none."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template, request

from mentorai.core.engine import Engine
from mentorai.core.explanations import EXPLANATIONS, SCREENS, read_screens
from mentorai.core.offers import find_offers
from mentorai.web.admin.desk import desk

PAGE_SIZE = 50
LENGTH = 64


class LaunchPages:
    """The launches of one organization's platforms."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        admin.add_url_rule("/platforms/launches", "stray_launches", self.strays)
        admin.add_url_rule("/platforms/<registration_id>/launches", "launches", self.launches)

    def launches(self, registration_id: str) -> str:
        """The launches and refused attempts of one platform."""
        from mentorai.lti.tool import Tool

        registrations = self._engine.room(Tool).registrations
        registration = registrations.get(desk().organization_id, registration_id)
        offers = find_offers(self._engine.database, desk().organization_id, registration.id)
        profiles = self._engine.plugins.ask_all("platform_profile")
        return self._show(
            {"registration_id": registration.id},
            registration.id,
            registration=registration,
            screens=read_screens(profiles, registration.family or offers.family),
        )

    def strays(self) -> str:
        """Attempts that fit no registration; with a reference, wherever that one is."""
        given = _read("reference")
        return self._show({} if given else {"is_matched": False}, None, screens=SCREENS)

    def _show(self, wanted: Mapping[str, Any], registration_id: str | None, **facts: Any) -> str:
        from mentorai.lti.tool import Tool

        tool, organization_id = self._engine.room(Tool), desk().organization_id
        # What happened in this process a moment ago is on the page too.
        tool.launch_log.flush()
        outcome, reference = _read("outcome"), _read("reference")
        page = max(1, min(request.args.get("page", 1, type=int), 10_000))
        count, entries = tool.launch_log.list(
            organization_id,
            outcome=outcome,
            reference=reference,
            page=page,
            page_size=PAGE_SIZE,
            **wanted,
        )
        return render_template(
            "admin/launches.html",
            entries=entries,
            count_all=count,
            outcomes=tool.launch_log.count_outcomes(organization_id, registration_id),
            outcome=outcome,
            reference=reference,
            page=page,
            pages=max(1, -(-count // PAGE_SIZE)),
            explanations=EXPLANATIONS,
            names={each.id: each.name for each in tool.registrations.list(organization_id)},
            **facts,
        )


def _read(name: str) -> str:
    # PostgreSQL cannot look for NUL.
    return request.args.get(name, "").replace("\0", "").strip()[:LENGTH]
