"""Campus IT comes in: the setup link, signing in and out."""

import time
from collections import OrderedDict
from dataclasses import replace
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected
from mentorai.core.values import Link
from mentorai.web.admin.desk import (
    desk,
    find_admin,
    find_way_out,
    forget_admin,
    keep_admin,
    read_next,
)

TRIES, WINDOW_SECONDS = 10, 300.0
ADDRESSES = 10_000

Page = Response | str | tuple[str, int] | tuple[str, int, dict[str, str]]


class Tries:
    """How often an address failed lately, in this process."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = Lock()

    def seconds_to_wait(self, address: str) -> int:
        """0, or how long this address must wait before it may try again."""
        with self._lock:
            recent = self._recent(address)
        if len(recent) < TRIES:
            return 0
        return max(1, round(recent[0] + WINDOW_SECONDS - time.monotonic()))

    def note_failure(self, address: str) -> None:
        """Count a failed try."""
        with self._lock:
            self._failed[address] = [*self._recent(address), time.monotonic()][-TRIES:]
            self._failed.move_to_end(address)
            if len(self._failed) > ADDRESSES:
                self._failed.popitem(last=False)

    def _recent(self, address: str) -> list[float]:
        since = time.monotonic() - WINDOW_SECONDS
        return [moment for moment in self._failed.get(address, ()) if moment > since]


class AccountPages:
    """The only pages of the admin that are open to everyone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tries = Tries()

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        admin.add_url_rule("/setup", "setup", self.setup)
        admin.add_url_rule("/setup", "take_setup", self.take_setup, methods=["POST"])
        admin.add_url_rule("/sign-in", "sign_in", self.sign_in)
        admin.add_url_rule("/sign-in", "take_sign_in", self.take_sign_in, methods=["POST"])
        admin.add_url_rule("/sign-out", "sign_out", self.sign_out, methods=["POST"])

    def setup(self) -> Page:
        """The form behind the one-time link. Opening it does not use the link up."""
        code = request.args.get("code", "")
        self._engine.admins.check_setup_code(code)
        return self._setup_form(code, {})

    def take_setup(self) -> Page:
        """Make the admin and sign them in."""
        code, email = request.form.get("code", ""), request.form.get("email", "")
        try:
            admin = self._engine.admins.take_setup_code(
                code, email, request.form.get("password", "")
            )
        except InputRejected as error:
            return self._setup_form(code, error.errors, email), 422
        keep_admin(admin)
        return redirect(url_for("admin.home"), 303)

    def sign_in(self) -> Page:
        """The sign-in form, or the admin for who is signed in already."""
        if find_admin(self._engine):
            return redirect(read_next(), 303)
        return self._sign_in_form({})

    def take_sign_in(self) -> Page:
        """Sign in; after too many failures from one address, wait."""
        address = request.remote_addr or ""
        wait = self._tries.seconds_to_wait(address)
        if wait:
            sentence = f"Too many tries. Please wait {max(1, round(wait / 60))} min."
            return self._sign_in_form({"": [sentence]}), 429, {"Retry-After": str(wait)}
        try:
            admin = self._engine.admins.sign_in(
                request.form.get("email", ""), request.form.get("password", "")
            )
        except InputRejected as error:
            self._tries.note_failure(address)
            return self._sign_in_form(error.errors), 422
        keep_admin(admin)
        return redirect(read_next(), 303)

    def sign_out(self) -> Page:
        """Sign out, in every browser: a cookie alone could be shown again."""
        self._engine.admins.sign_out(desk().author.removeprefix("admin:"))
        way_out = find_way_out()
        forget_admin()
        return redirect(way_out, 303)

    def _setup_form(self, code: str, errors: Any, email: str = "") -> str:
        return render_template("admin/setup.html", code=code, errors=errors, email=email)

    def _sign_in_form(self, errors: Any) -> str:
        return render_template(
            "admin/sign_in.html",
            errors=errors,
            email=request.form.get("email", ""),
            next=request.values.get("next", ""),
            is_new=not self._engine.admins.any(),
            links=self._find_links(),
        )

    def _find_links(self) -> list[Link]:
        """Each knows where the person wants to be afterwards."""
        found = self._engine.plugins.ask_all("sign_in_links", engine=self._engine)
        wanted = request.values.get("next", "")
        query = f"?{urlencode({'next': wanted})}" if wanted else ""
        return [replace(link, url=link.url + query) for some in found for link in some]
