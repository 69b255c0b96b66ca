"""An LMS's own API on its platform's page: set up, tried, replaced and taken away by campus IT.

What is secret goes in and never comes out: the form shows only that there is something.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected, NotFound, PlatformError, PlatformThrottled
from mentorai.core.offers import find_offers
from mentorai.core.values import Connection, ConnectionForm, ConnectionReport, Platform
from mentorai.lti.origins import find_url_fault
from mentorai.lti.platform_hosts import is_host_or_beneath
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.web.admin.desk import desk

Page = Response | str | tuple[str, int]
Errors = Mapping[str, Sequence[str]]
NEEDED = "This is needed."


class ConnectionPages:
    """The connections of one LMS."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tool = engine.room(Tool)
        self._connections = engine.room(Connections)

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        base, post = "/platforms/<registration_id>/connections", ["POST"]
        admin.add_url_rule(base, "connections", self.connections)
        one = f"{base}/<kind>"
        admin.add_url_rule(one, "put_connection", self.put, methods=post)
        admin.add_url_rule(f"{one}/check", "check_connection", self.check, methods=post)
        admin.add_url_rule(f"{one}/delete", "doubt_connection", self.doubt)
        admin.add_url_rule(f"{one}/delete", "delete_connection", self.delete, methods=post)

    def connections(self, registration_id: str) -> str:
        """What can be connected, what is, and how it was found to be."""
        return self._page(self._get(registration_id))

    def put(self, registration_id: str, kind: str) -> Page:
        """Keep what was entered, and try it unless somebody must sign in at the LMS first."""
        registration, seat = self._get(registration_id), desk()
        form = self._get_form(registration, kind)
        known = self._connections.find(seat.organization_id, registration.id, kind)
        given: dict[str, str] = {
            field.name: request.form.get(field.name, "").strip() for field in form.fields
        }
        try:
            self._check_given(form, given, is_known=known is not None)
            kept = self._connections.put(
                seat.organization_id,
                registration.id,
                kind,
                base_url=given.get("base_url") or self._guess_address(registration),
                account=given.get("account", ""),
                secret=given.get("secret") or (None if known else ""),
                scopes=form.scopes,
                author=seat.author,
            )
        except InputRejected as error:
            return self._page(registration, kind=kind, errors=error.errors, given=given), 422
        if form.signs_in:
            return _go_back(registration, "connection_kept")
        return self._try(registration, kept)

    def check(self, registration_id: str, kind: str) -> Page:
        """Try a connection, and show what the LMS allows."""
        registration = self._get(registration_id)
        return self._try(registration, self._find(registration, kind))

    def doubt(self, registration_id: str, kind: str) -> str:
        """Ask whether the connection shall really go."""
        registration = self._get(registration_id)
        self._find(registration, kind)
        title = next(
            (form.title for form in self._list_forms(registration) if form.kind == kind), kind
        )
        return render_template(
            "admin/confirm.html",
            title=f"Delete the connection “{title}”?",
            warning="What was entered and what the LMS gave is forgotten here at once. An LMS that "
            "has a way to take back what it gave is asked to. Grades and lists of people go on by "
            "LTI.",
            action="Delete connection",
            back=url_for(".connections", registration_id=registration.id),
        )

    def delete(self, registration_id: str, kind: str) -> Page:
        """Have the LMS take back what it gave, and forget the connection whatever it answers."""
        registration = self._get(registration_id)
        connection = self._find(registration, kind)
        is_revoked = self._connections.revoke(connection)
        self._connections.delete(connection, author=desk().author)
        if is_revoked is None:
            return _go_back(registration, "connection_deleted")
        done = "connection_revoked" if is_revoked else "connection_kept_there"
        return _go_back(registration, done)

    def _try(self, registration: Registration, connection: Connection) -> Page:
        kind, report, fault = connection.kind, None, None
        try:
            report = self._connections.check(self._platform(registration), connection)
        except PlatformError as error:
            fault = error
        return self._page(registration, kind=kind, report=report, fault=fault)

    def _check_given(
        self, form: ConnectionForm, given: Mapping[str, str], *, is_known: bool
    ) -> None:
        """Raises InputRejected for what is missing, or an address that will not be called."""
        errors: dict[str, list[str]] = {}
        for field in form.fields:
            kept = field.is_secret and is_known
            if field.is_required and not kept and not given[field.name]:
                errors[field.name] = [NEEDED]
        if given.get("base_url"):
            loopback = self._engine.settings.allow_loopback_platforms
            fault = find_url_fault(given["base_url"], allow_loopback=loopback)
            errors |= {"base_url": [fault]} if fault else {}
        if errors:
            raise InputRejected(errors)

    def _guess_address(self, registration: Registration) -> str:
        """The LMS's own address, if its issuer is no vendor's for all schools; else empty."""
        profiles = self._engine.plugins.ask_all("platform_profile")
        domains = [each for profile in profiles for each in profile.vendor_domains]
        host = urlsplit(registration.issuer).hostname or ""
        is_vendor = any(is_host_or_beneath(host, domain) for domain in domains)
        return "" if is_vendor else registration.issuer

    def _get(self, registration_id: str) -> Registration:
        return self._tool.registrations.get(desk().organization_id, registration_id)

    def _get_form(self, registration: Registration, kind: str) -> ConnectionForm:
        forms = self._list_forms(registration)
        found = next((form for form in forms if form.kind == kind), None)
        if found is None:
            raise NotFound("There is no such API for this LMS.")
        return found

    def _find(self, registration: Registration, kind: str) -> Connection:
        listed = self._connections.list(registration.organization_id, registration.id)
        found = next((each for each in listed if each.kind == kind), None)
        if found is None:
            raise NotFound("This API is not connected.")
        return found

    def _list_forms(self, registration: Registration) -> Sequence[ConnectionForm]:
        return self._connections.list_forms(self._platform(registration))

    def _platform(self, registration: Registration) -> Platform:
        offers = find_offers(self._engine.database, registration.organization_id, registration.id)
        return Platform(
            registration_id=registration.id,
            organization_id=registration.organization_id,
            family=registration.family or offers.family,
            issuer=registration.issuer,
            client_id=registration.client_id,
        )

    def _page(
        self,
        registration: Registration,
        *,
        kind: str = "",
        errors: Errors | None = None,
        given: Mapping[str, str] | None = None,
        report: ConnectionReport | None = None,
        fault: PlatformError | None = None,
    ) -> str:
        """kind: what the rest is about."""
        listed = self._connections.list(registration.organization_id, registration.id)
        told: dict[str, Any] = {
            "kind": kind, "errors": errors or {}, "given": given or {}, "report": report,
            "fault": fault.message if fault else "",
            "is_busy": isinstance(fault, PlatformThrottled),
            "again_at": _read_again(fault),
        }  # fmt: skip
        return render_template(
            "admin/connections.html",
            one=registration,
            forms=self._list_forms(registration),
            family=self._platform(registration).family,
            kept={each.kind: each for each in listed},
            address=self._guess_address(registration),
            **told,
        )


def _go_back(registration: Registration, done: str) -> Response:
    return redirect(url_for(".connections", registration_id=registration.id, done=done), 303)


def _read_again(fault: PlatformError | None) -> datetime | None:
    """When the LMS takes calls again, if it said so."""
    seconds = fault.retry_after_seconds if isinstance(fault, PlatformThrottled) else None
    return now() + timedelta(seconds=seconds) if seconds else None
