"""How an LMS comes to be registered: links that invite it, and what is pasted into others."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected
from mentorai.lti.registration_documents import list_documents
from mentorai.lti.tool import Tool
from mentorai.web.admin.desk import desk

Page = Response | str | tuple[str, int]


class InvitationPages:
    """The invitations of one organization."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tool = engine.room(Tool)

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        base = "/platforms/register"
        admin.add_url_rule(base, "invitations", self.invitations)
        admin.add_url_rule(base, "invite_platform", self.invite, methods=["POST"])
        admin.add_url_rule(
            f"{base}/<invitation_id>/withdraw",
            "withdraw_invitation",
            self.withdraw,
            methods=["POST"],
        )

    def invitations(self) -> str:
        """The open invitations, the form for one more, and what is pasted by hand."""
        return self._page({})

    def invite(self) -> Page:
        """Make an invitation and show its link, this once."""
        try:
            invitation, token = self._tool.invitations.issue(
                desk().organization_id,
                author=desk().author,
                hours=self._engine.settings.invitation_hours,
                expected_host=request.form.get("expected_host", ""),
            )
        except InputRejected as error:
            return self._page(error.errors), 422
        return render_template(
            "admin/invitation_made.html",
            invitation=invitation,
            link=self._tool.invitation_url_of(token),
        )

    def withdraw(self, invitation_id: str) -> Page:
        """End an invitation before its time."""
        self._tool.invitations.withdraw(desk().organization_id, invitation_id, author=desk().author)
        return redirect(url_for(".invitations", done="invitation_withdrawn"), 303)

    def _page(self, errors: dict[str, list[str]]) -> str:
        return render_template(
            "admin/invitations.html",
            invitations=self._tool.invitations.list(desk().organization_id),
            documents=list_documents(self._engine),
            hours=self._engine.settings.invitation_hours,
            address_of=self._tool.document_url_of,
            errors=errors,
            expected_host=request.form.get("expected_host", ""),
        )
