"""What campus IT entered of an LMS, mended after it was registered."""

from collections.abc import Mapping, Sequence

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.web.admin.desk import desk
from mentorai.web.admin.platform_keys import find_key_faults

FIELDS = ("name", "auth_url", "token_url", "keyset_url", "token_audience")


class PlatformFactsPages:
    """The name and the addresses of one LMS."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._registrations = engine.room(Tool).registrations

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        one = "/platforms/<registration_id>/edit"
        admin.add_url_rule(one, "edit_platform", self.edit)
        admin.add_url_rule(one, "put_platform_facts", self.put, methods=["POST"])

    def edit(self, registration_id: str) -> str:
        """The form, with what is kept."""
        found = self._get(registration_id)
        return _page(found, {name: getattr(found, name) for name in FIELDS}, {})

    def put(self, registration_id: str) -> Response | tuple[str, int]:
        """Keep what was entered, if the LMS's keys can be read; then on to asking the LMS."""
        found = self._get(registration_id)
        given = {name: request.form.get(name, "").strip() for name in FIELDS}
        try:
            self._change(found, given)
        except InputRejected as error:
            return _page(found, given, error.errors), 422
        where = url_for(".check_platform", registration_id=found.id, done="platform_changed")
        return redirect(where, 303)

    def _change(self, found: Registration, given: Mapping[str, str]) -> None:
        """Raises InputRejected, also when the keys cannot be read at a new address."""
        self._registrations.check_change(**given)
        if given["keyset_url"] != found.keyset_url:
            faults = find_key_faults(self._engine, found.family, given["keyset_url"])
            if faults:
                raise InputRejected({"keyset_url": faults})
        place = (found.organization_id, found.id)
        self._registrations.change(*place, **given, author=desk().author)

    def _get(self, registration_id: str) -> Registration:
        return self._registrations.get(desk().organization_id, registration_id)


def _page(
    found: Registration, given: Mapping[str, str], errors: Mapping[str, Sequence[str]]
) -> str:
    return render_template("admin/platform_edit.html", one=found, given=given, errors=errors)
