"""Who works in the admin, and on what: staff of one mentor in a course, or campus IT on all."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, current_app, g, redirect, request, url_for
from flask import session as browser
from werkzeug.wrappers import Response

from mentorai.core.admins import Admin
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import NotFound, SessionDenied, SignInExpired
from mentorai.core.mentors import Mentor
from mentorai.core.values import Session
from mentorai.web.gate import enter
from mentorai.web.written import find_written

# What somebody may open at /admin before signing in. None of it exists inside a course.
OPEN = {"setup", "take_setup", "sign_in", "take_sign_in"}
# What campus IT alone has.
IT_ONLY = OPEN | {
    *("sign_out", "new_mentor", "add_mentor"),
    *("launches", "stray_launches"),
    *("platforms", "platform", "put_platform_status", "put_platform_policy"),
    *("add_deployment", "decide_deployment", "put_platform_role", "drop_platform_role"),
    *("choose_lms", "add_platform", "put_platform", "link_platform", "await_platform"),
    *("discard_draft", "test_launch", "check_platform", "edit_platform", "put_platform_facts"),
    *("connections", "put_connection", "check_connection"),
    *("doubt_connection", "delete_connection"),
    *("enrolments", "look_at_enrolments", "apply_enrolments", "discard_enrolments"),
    *("key_policy", "put_key_policy"),
    *("invitations", "invite_platform", "withdraw_invitation", "tool_keys"),
}
# So begin the names of what belongs to the organization and not to a mentor.
ORGANIZATION = "organization_"


@dataclass(frozen=True, slots=True)
class Desk:
    """The person at work. author: how keys and prompt versions name them.

    session: the session of staff in a course; None for campus IT.
    """

    organization_id: str
    author: str
    session: Session | None
    email: str = ""

    def allows(self, mentor: Mentor) -> bool:
        """Whether this mentor is theirs to manage."""
        return self.session is None or self.session.mentor_id == mentor.id


def desk() -> Desk:
    """The desk of this request."""
    found: Desk = g.desk
    return found


def mentor() -> Mentor:
    """The mentor that this request's address names, and that the person may manage."""
    found: Mentor = g.desk_mentor
    return found


def guard(engine: Engine, admin: Blueprint) -> None:
    """Let only staff and campus IT through, each to what is theirs."""

    @admin.before_request
    def come_in() -> Response | None:
        values = request.view_args or {}
        view = (request.endpoint or "").rpartition(".")[2]
        session_id = values.pop("session_id", None)
        if session_id is not None:
            if view in IT_ONLY or view.startswith(ORGANIZATION):
                raise NotFound
            g.desk = _seat_staff(enter(engine, session_id))
        elif view in OPEN:
            return None
        else:
            admin_person = find_admin(engine)
            if admin_person is None:
                return _lead_to_sign_in()
            g.desk = Desk(
                admin_person.organization_id,
                f"admin:{admin_person.id}",
                None,
                admin_person.email,
            )
        if "mentor" in values:
            g.desk_mentor = _find_mentor(engine, g.desk, values.pop("mentor"))
        return None

    @admin.url_defaults
    def give_place(endpoint: str, values: dict[str, Any]) -> None:
        expects = current_app.url_map.is_endpoint_expecting
        if "session_id" not in values and expects(endpoint, "session_id"):
            values["session_id"] = g.session.id
        if "mentor" not in values and "desk_mentor" in g and expects(endpoint, "mentor"):
            values["mentor"] = g.desk_mentor.slug


def read_admin_id(author: str) -> str:
    """The id in the name of an author, as desk().author gives it; empty if it is no admin's."""
    kind, _, admin_id = author.partition(":")
    return admin_id if kind == "admin" else ""


def keep_admin(admin: Admin) -> None:
    """Remember in the browser who signed in."""
    for name in ("csrf_token", "way_out"):
        browser.pop(name, None)
    browser["admin_id"] = admin.id
    browser["admin_stamp"] = admin.stamp
    browser["admin_at"] = int(now().timestamp())


def keep_signed_in(answer: Response) -> Response:
    """After a plugin's view: remember whom it signed in, by `g.signed_in` (an Admin), and where
    they go when they sign out, if it says so by `g.way_out` (a path of ours).
    """
    admin: Admin | None = g.pop("signed_in", None)
    if admin is not None:
        keep_admin(admin)
        browser["way_out"] = g.pop("way_out", None)
    return answer


def find_way_out() -> str:
    """Where somebody goes who signs out: as the plugin said that signed them in."""
    way_out = browser.get("way_out")
    return way_out if isinstance(way_out, str) else url_for("admin.sign_in")


def forget_admin() -> None:
    """Forget who signed in."""
    for name in ("admin_id", "admin_stamp", "admin_at", "way_out"):
        browser.pop(name, None)


def find_admin(engine: Engine) -> Admin | None:
    """The person of campus IT who is signed in in this browser, or None."""
    admin_id = browser.get("admin_id")
    if not isinstance(admin_id, str):
        return None
    age = now().timestamp() - float(browser.get("admin_at", 0))
    try:
        admin = engine.admins.get(admin_id)
    except NotFound:
        return None
    is_fresh = age < engine.settings.session_hours * 3600
    return admin if is_fresh and admin.stamp == browser.get("admin_stamp") else None


def read_next() -> str:
    """Where to go after signing in: a path of ours under /admin, never another site."""
    wanted = request.values.get("next", "")
    parts = urlsplit(wanted)
    is_ours = not (parts.scheme or parts.netloc) and wanted.startswith("/admin/")
    return wanted if is_ours and "\\" not in wanted else url_for("admin.home")


def _lead_to_sign_in() -> Response:
    """The way to the sign-in. Raises SignInExpired if what was written would be lost on it."""
    if find_written():
        raise SignInExpired
    back = request.path if request.method == "GET" else None
    return redirect(url_for("admin.sign_in", next=back), 303)


def _seat_staff(session: Session) -> Desk:
    if not session.role.is_staff:
        raise SessionDenied("Only the teaching staff of this course can open its mentor's admin.")
    return Desk(session.organization_id, f"person:{session.person_id}", session)


def _find_mentor(engine: Engine, seat: Desk, name: str) -> Mentor:
    found = engine.mentors.get(seat.organization_id, name)
    if not seat.allows(found):
        raise NotFound("There is no such mentor.")
    return found
