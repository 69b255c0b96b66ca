"""The LMSs that are registered here, and what each may do, for campus IT."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.values import Role, SetupGuide
from mentorai.web.admin.desk import desk, read_admin_id

if TYPE_CHECKING:
    from mentorai.lti.registration_drafts import RegistrationDraft
    from mentorai.lti.tool import Tool

Errors = Mapping[str, Sequence[str]]
Page = Response | str | tuple[str, int]
# What each button does, and what the page says afterwards.
STATUSES = {"enable": "platform_on", "approve": "platform_on", "disable": "platform_off"}
DECISIONS = {"approve": "deployment_on", "refuse": "deployment_off"}


class PlatformPages:
    """The registrations of one organization."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        admin.add_url_rule("/platforms", "platforms", self.platforms)
        one = "/platforms/<registration_id>"
        admin.add_url_rule(one, "platform", self.platform)
        for part, view in (
            ("status", self.put_platform_status),
            ("policy", self.put_platform_policy),
            ("deployments", self.add_deployment),
            ("deployments/decision", self.decide_deployment),
            ("roles", self.put_platform_role),
            ("roles/drop", self.drop_platform_role),
        ):
            admin.add_url_rule(f"{one}/{part}", view.__name__, view, methods=["POST"])

    def platforms(self) -> str:
        """The list, and the addresses that an LMS asks for."""
        tool = self._tool()
        return render_template(
            "admin/platforms.html",
            registrations=tool.registrations.list(desk().organization_id),
            drafts=self._list_drafts(),
            addresses=(("OIDC login initiation URL", tool.login_url), *_find_addresses(tool)),
        )

    def _list_drafts(self) -> Sequence[Mapping[str, Any]]:
        """What tells each draft from the others: name, where, and who began it."""
        from mentorai.lti.setup_forms import list_guides

        drafts = self._tool().registration_drafts.list(desk().organization_id)
        if not drafts:
            return []
        guides = {guide.family: guide for guide in list_guides(self._engine)}
        emails = self._engine.admins.find_emails(desk().organization_id)
        return [_tell(draft, guides.get(draft.family), emails) for draft in drafts]

    def platform(self, registration_id: str) -> str:
        """One LMS: its facts, our addresses for it, its deployments and rules."""
        return self._show(registration_id, {})

    def put_platform_status(self, registration_id: str) -> Page:
        """Take its launches, or refuse them."""
        chosen = _read_choice("status", STATUSES)
        rooms = self._tool().registrations
        change = {"enable": rooms.enable, "approve": rooms.approve, "disable": rooms.disable}
        change[chosen](desk().organization_id, registration_id, desk().author)
        return _go_back(registration_id, STATUSES[chosen])

    def put_platform_policy(self, registration_id: str) -> Page:
        """Choose what happens to deployments that are not known yet."""
        policy = request.form.get("policy", "")
        place = (desk().organization_id, registration_id)
        try:
            self._tool().registrations.put_policy(*place, policy, desk().author)
        except InputRejected as error:
            return self._show(registration_id, error.errors), 422
        return _go_back(registration_id, "saved")

    def add_deployment(self, registration_id: str) -> Page:
        """Let a deployment launch whose id IT knows."""
        deployment_id = request.form.get("deployment_id", "").strip()
        place = (desk().organization_id, registration_id)
        try:
            self._tool().registrations.add_deployment(*place, deployment_id, desk().author)
        except InputRejected as error:
            return self._show(registration_id, error.errors), 422
        return _go_back(registration_id, "deployment_on")

    def decide_deployment(self, registration_id: str) -> Page:
        """Approve or refuse a deployment. Its id is in the form: it may hold any character."""
        chosen = _read_choice("decision", DECISIONS)
        rooms = self._tool().deployments
        change = {"approve": rooms.approve, "refuse": rooms.refuse}
        deployment_id = request.form.get("deployment_id", "")
        change[chosen](desk().organization_id, registration_id, deployment_id, desk().author)
        return _go_back(registration_id, DECISIONS[chosen])

    def put_platform_role(self, registration_id: str) -> Page:
        """Say what one of its roles makes of a person here."""
        place = (desk().organization_id, registration_id)
        try:
            self._tool().registrations.put_override(
                *place,
                request.form.get("name", "").strip(),
                request.form.get("role", ""),
                beyond_course=request.form.get("beyond_course") == "yes",
                author=desk().author,
            )
        except InputRejected as error:
            return self._show(registration_id, error.errors), 422
        return _go_back(registration_id, "saved")

    def drop_platform_role(self, registration_id: str) -> Page:
        """Read one of its roles as usual again."""
        place = (desk().organization_id, registration_id)
        name = request.form.get("name", "")
        self._tool().registrations.drop_override(*place, name, desk().author)
        return _go_back(registration_id, "saved")

    def _show(self, registration_id: str, errors: Errors) -> str:
        from mentorai.lti.registrations import HELD

        tool, place = self._tool(), (desk().organization_id, registration_id)
        found = tool.registrations.get(*place)
        # What waits for the reader comes first.
        deployments = sorted(tool.deployments.list(*place), key=lambda one: one.state != HELD)
        own_login = ("OIDC login initiation URL", tool.login_url_of(found.id))
        return render_template(
            "admin/platform.html",
            one=found,
            deployments=deployments,
            addresses=(own_login, *_find_addresses(tool)),
            shared_login_url=tool.login_url,
            roles=list(Role),
            errors=errors,
            given=request.form,
        )

    def _tool(self) -> "Tool":
        from mentorai.lti.tool import Tool

        return self._engine.room(Tool)


def _tell(
    draft: "RegistrationDraft", guide: SetupGuide | None, emails: Mapping[str, str]
) -> Mapping[str, Any]:
    from mentorai.lti.setup_forms import name_draft

    title = guide.title if guide else draft.family
    return {
        "draft": draft,
        "name": draft.given.get("name") or title,
        "where": name_draft(guide, draft.given) if guide else "",
        "author": emails.get(read_admin_id(draft.author), ""),
    }


def _find_addresses(tool: "Tool") -> Sequence[tuple[str, str]]:
    return (
        ("Redirect URI and target link URI", tool.launch_url),
        ("Public keyset (JWKS) URL", tool.keyset_url),
    )


def _read_choice(name: str, choices: Mapping[str, Any]) -> str:
    chosen = request.form.get(name, "")
    if chosen not in choices:
        raise NotFound("There is no such choice.")
    return chosen


def _go_back(registration_id: str, done: str) -> Response:
    # A decision on the page of the first launch leads back there.
    page = ".test_launch" if request.form.get("back") == "test" else ".platform"
    return redirect(url_for(page, registration_id=registration_id, done=done), 303)
