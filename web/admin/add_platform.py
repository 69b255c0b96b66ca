"""Platforms, Add: which LMS, what to do in it step by step, and what it answered."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.errors import Conflict, InputRejected, NotFound
from mentorai.core.values import SetupGuide
from mentorai.lti.registration_documents import find_document
from mentorai.lti.registrations import Registration
from mentorai.lti.setup_forms import (
    add_registration,
    find_choice,
    find_guide,
    keep_known,
    list_fields,
    list_guides,
    pick_values,
    read_facts,
)
from mentorai.lti.tool import Tool
from mentorai.web.admin.desk import desk
from mentorai.web.admin.platform_keys import find_key_faults

Page = Response | str | tuple[str, int]
Errors = Mapping[str, Sequence[str]]


class AddPlatformPages:
    """How campus IT connects one more LMS."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tool = engine.room(Tool)

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        base, post = "/platforms/add", ["POST"]
        admin.add_url_rule(base, "choose_lms", self.choose)
        admin.add_url_rule(f"{base}/<family>", "add_platform", self.show)
        admin.add_url_rule(f"{base}/<family>", "put_platform", self.put, methods=post)
        admin.add_url_rule(f"{base}/<family>/link", "link_platform", self.link, methods=post)
        admin.add_url_rule(f"{base}/waiting/<invitation_id>", "await_platform", self.wait)
        admin.add_url_rule(
            "/platforms/drafts/<draft_id>/discard", "discard_draft", self.discard, methods=post
        )

    def choose(self) -> str:
        """The LMSs that there are steps for."""
        return render_template("admin/choose_lms.html", guides=list_guides(self._engine))

    def show(self, family: str) -> str:
        """The steps for one LMS; a draft's fields as they were left."""
        draft_id = request.args.get("draft", "")
        given: Mapping[str, str] = {}
        if draft_id:
            given = self._tool.registration_drafts.get(desk().organization_id, draft_id).given
        return self._page(self._get_guide(family), given, draft_id=draft_id)

    def put(self, family: str) -> Page:
        """Register the LMS if its keys can be read; else keep a draft and say what is wrong."""
        guide, seat = self._get_guide(family), desk()
        given = keep_known(guide, request.form)
        drafts = self._tool.registration_drafts
        draft = drafts.put(
            seat.organization_id,
            guide.family,
            given,
            author=seat.author,
            draft_id=request.form.get("draft", ""),
        )
        try:
            made = self._register(guide, given)
        except InputRejected as error:
            return self._page(guide, given, draft_id=draft.id, errors=error.errors), 422
        except Conflict as error:
            known = self._find_known(read_facts(guide, given))
            errors = {"": [error.message]}
            page = self._page(guide, given, draft_id=draft.id, errors=errors, known=known)
            return page, 409
        drafts.discard(seat.organization_id, draft.id)
        return redirect(url_for(".test_launch", registration_id=made.id, done="platform_made"), 303)

    def link(self, family: str) -> Page:
        """Make a link by which the LMS registers itself, and show it this once."""
        guide, seat = self._get_guide(family), desk()
        try:
            invitation, token = self._tool.invitations.issue(
                seat.organization_id,
                author=seat.author,
                hours=self._engine.settings.invitation_hours,
                expected_host=request.form.get("expected_host", ""),
            )
        except InputRejected as error:
            return self._page(guide, {}, errors=error.errors), 422
        link = self._tool.invitation_url_of(token)
        return self._page(guide, {}, link=link, invitation=invitation)

    def wait(self, invitation_id: str) -> Page:
        """Wait until an LMS has used a link, and then go on with it."""
        found = self._tool.invitations.get(desk().organization_id, invitation_id)
        if found.registration_id is not None:
            return redirect(url_for(".test_launch", registration_id=found.registration_id), 303)
        return render_template("admin/await_platform.html", invitation=found)

    def discard(self, draft_id: str) -> Response:
        """Forget what was filled in."""
        self._tool.registration_drafts.discard(desk().organization_id, draft_id)
        return redirect(url_for(".platforms", done="draft_discarded"), 303)

    def _register(self, guide: SetupGuide, given: Mapping[str, str]) -> Registration:
        """Raises InputRejected, also when the key set cannot be read; Conflict."""
        facts = read_facts(guide, given)
        self._check_free(facts)
        faults = find_key_faults(self._engine, guide.family, facts["keyset_url"])
        if faults:
            raise InputRejected({"": faults})
        seat = desk()
        return add_registration(
            self._engine, self._tool, seat.organization_id, guide, given, seat.author
        )

    def _check_free(self, facts: Mapping[str, str]) -> None:
        if self._find_known(facts) is not None:
            raise Conflict("This LMS is registered already, with this client id.")

    def _find_known(self, facts: Mapping[str, str]) -> Registration | None:
        """The organization's own registration with these names; another's is nobody's business."""
        found = self._tool.registrations.find(facts["issuer"], facts["client_id"])
        return found if found and found.organization_id == desk().organization_id else None

    def _get_guide(self, family: str) -> SetupGuide:
        found = find_guide(self._engine, family)
        if found is None:
            raise NotFound("There are no steps for such an LMS.")
        return found

    def _page(
        self,
        guide: SetupGuide,
        given: Mapping[str, str],
        *,
        errors: Errors | None = None,
        **more: Any,
    ) -> str:
        document = find_document(self._engine, guide.family)
        return render_template(
            "admin/add_platform.html",
            guide=guide,
            given=given,
            choice=find_choice(guide, given),
            fields=list_fields(guide),
            document=document,
            pick_values=lambda step: pick_values(guide, step, document),
            document_text=json.dumps(document.content, indent=2) if document else "",
            document_url=self._tool.document_url_of(guide.family),
            hours=self._engine.settings.invitation_hours,
            expected_host=request.form.get("expected_host", guide.link_host),
            errors=errors or {},
            **{"link": "", "invitation": None, "draft_id": "", "known": None} | more,
        )
