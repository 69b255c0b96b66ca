"""connection, sections: an LMS's own API, as campus IT connects it and as it answers."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.errors import MentorAIError, PlatformError
from mentorai.core.values import (
    Ability,
    ApiTokens,
    Connection,
    ConnectionBegun,
    ConnectionForm,
    ConnectionReport,
    Context,
    CourseSection,
    Group,
    Member,
)
from mentorai.lti.origins import find_origin
from mentorai.plugins.sandbox.certification.case import Failed, LeftOut, expect
from mentorai.plugins.sandbox.certification.wire import Environ
from mentorai.plugins.sandbox.conformance.bench import Bench, describe, get_course
from mentorai.plugins.sandbox.conformance.case import PluginCase, about
from mentorai.plugins.sandbox.conformance.families import KNOWN
from mentorai.plugins.sandbox.personalities.traits import ApiAccess
from mentorai.plugins.sandbox.wire import Reply

KIND = re.compile(r"[a-z0-9][a-z0-9_]{0,39}")
SECRET, TOKEN = "the-secret-that-campus-it-entered", "the-token-that-the-api-gave"
PAGE = b"<!doctype html><h1>Please log in</h1>"
# What an API answers to everything, when it is of no use to anybody.
REFUSALS = (
    ("401", Reply(401, b'{"message": "No."}', "application/json")),
    ("403", Reply(403, b'{"message": "No."}', "application/json")),
    ("404 with a page", Reply(404, PAGE, "text/html")),
    ("500 with a page", Reply(500, PAGE, "text/html")),
    ("200 with a page", Reply(200, PAGE, "text/html")),
)
MADE_UP = ApiAccess("conformance-key", SECRET)
SIGN_IN_SECONDS = 10
SIGN_IN = ("begin_connection", "finish_connection")
STATE = "the-state-that-only-the-browser-has"
ODD = tuple((each, Reply(200, each.encode(), "application/json")) for each in (
    "{}", "[]", "null", '"x"', "7", '[{"id": null}]', '{"id": {}, "results": 7}'
))  # fmt: skip


def _find_form(bench: Bench) -> ConnectionForm:
    """The form for the plugin's own family. Raises Failed, LeftOut."""
    found = bench.ask("connection_form", engine=bench.engine, platform=bench.facts)
    if found is None:
        raise LeftOut("connection_form gave None for its own family")
    if not isinstance(found, ConnectionForm):
        raise Failed(f"connection_form gave {describe(found)}")
    return found


def _connect(bench: Bench, access: ApiAccess = MADE_UP) -> Connection:
    """A connection to the sandbox LMS's address, as campus IT would make one."""
    form, rooms = _find_form(bench), bench.engine.room(Connections)
    bench.private |= {access.secret, TOKEN}
    where = (bench.registration.organization_id, bench.registration.id, form.kind)
    kept = rooms.put(
        *where,
        base_url=bench.platform.base_url,
        account=access.account,
        secret=access.secret,
        scopes=form.scopes,
        author="the kit",
    )
    if form.signs_in:
        hour = now() + timedelta(hours=1)
        given = ApiTokens(TOKEN, hour, scopes=form.scopes)
        rooms.keep_tokens(kept, given if access is MADE_UP else _sign_in(bench, kept))
    rooms.note(kept, "ready")
    return rooms.get(kept.organization_id, kept.id)


def _sign_in(bench: Bench, connection: Connection) -> ApiTokens:
    """The tokens of somebody who signs in at the sandbox and consents. Raises Failed."""
    asked: dict[str, Any] = {"engine": bench.engine, "connection": connection}
    begun = bench.ask("begin_connection", state=STATE, **asked)
    back = requests.get(begun.url, allow_redirects=False, timeout=SIGN_IN_SECONDS)
    answer = dict(parse_qsl(urlsplit(back.headers.get("Location", "")).query))
    expect("code" in answer, f"the sandbox gave no code to {find_origin(begun.url)}: {back.text}")
    tokens = bench.ask("finish_connection", answer=answer, kept=begun.kept, **asked)
    if not isinstance(tokens, ApiTokens):
        raise Failed(f"finish_connection gave {describe(tokens)} for a code of the LMS")
    bench.private |= {tokens.access_token, tokens.refresh_token} - {""}
    return tokens


def _find_access(bench: Bench) -> ApiAccess:
    """What opens the API of the LMS that the sandbox is; made up where it has none of this LMS."""
    personality = bench.lms.personality
    is_theirs = personality.name == bench.subject.family and personality.find_access is not None
    return personality.find_access() if is_theirs and personality.find_access else MADE_UP


def _launch_everybody(bench: Bench) -> None:
    """Whatever a plugin keeps of launches, it has of everybody in the course."""
    for person in get_course().members if bench.has("launch_admitted") else ():
        launch = bench.refine(bench.launch(person))
        bench.ask("launch_admitted", engine=bench.engine, launch=launch)


@contextmanager
def _answering(bench: Bench, reply: Reply) -> Iterator[None]:
    """Whatever is asked of the LMS, it answers this."""

    def answer(_environ: Environ) -> Reply:
        return reply

    bench.platform.wire.stand_in = answer
    try:
        yield
    finally:
        bench.platform.wire.stand_in = None


def _is_clear(bench: Bench) -> str:
    form = _find_form(bench)
    expect(KIND.fullmatch(form.kind), f"{form.kind!r} is no short name for an address")
    for name in ("title", "purpose", "screen"):
        expect(getattr(form, name).strip(), f"its {name} is empty")
    names = [field.name for field in form.fields]
    expect(len(names) == len(set(names)), f"a field comes twice: {', '.join(names)}")
    for field in form.fields:
        expect(field.label.strip(), f"{field.name} has no label")
        is_right = field.is_secret is (field.name == "secret")
        expect(is_right, f"is_secret of {field.name} is {field.is_secret}")
    empty = [label for label, value in form.gives if not (label.strip() and value.strip())]
    expect(not empty, f"these values of ours are empty: {', '.join(empty)}")
    if form.signs_in or form.may_sign_in:
        lost = [hook for hook in SIGN_IN if not bench.has(hook)]
        expect(not lost, f"somebody is to sign in, and there is no {' and no '.join(lost)}")
    return f"{form.title}: {', '.join(names)}"


def _is_left(bench: Bench) -> str:
    own = bench.subject.family
    tried = []
    if bench.has("connection_form"):
        for family in ("a-stranger", *(each.family for each in KNOWN if each.family != own)):
            platform = replace(bench.facts, family=family)
            answer = bench.ask("connection_form", engine=bench.engine, platform=platform)
            expect(answer is None, f"connection_form for {family} gave {describe(answer)}")
        tried.append("connection_form")
    if bench.has("check_connection"):
        stranger = replace(_connect(bench), kind="a_strangers_api")
        answer = bench.ask(
            "check_connection", engine=bench.engine, platform=bench.facts, connection=stranger
        )
        expect(answer is None, f"check_connection for another kind gave {describe(answer)}")
        tried.append("check_connection")
    if bench.has("begin_connection"):
        stranger = replace(_connect(bench), kind="a_strangers_api")
        asked: dict[str, dict[str, Any]] = {
            "begin_connection": {"state": STATE},
            "finish_connection": {"answer": {"code": "c", "state": STATE}, "kept": ""},
            "revoke_connection": {},
        }
        for hook in filter(bench.has, asked):
            answer = bench.ask(hook, engine=bench.engine, connection=stranger, **asked[hook])
            expect(answer is None, f"{hook} for another kind gave {describe(answer)}")
            tried.append(hook)
    return f"None from {', '.join(tried)}"


def _check(bench: Bench, reply: Reply) -> Any:
    """What a check of a connection gives when the API answers this, or the error of ours."""
    connection = _connect(bench)
    with _answering(bench, reply):
        try:
            found = bench.ask(
                "check_connection", engine=bench.engine, platform=bench.facts, connection=connection
            )
        except MentorAIError as error:
            return error
    if found is None:
        raise LeftOut("check_connection gave None for the kind that connection_form names")
    return found


def _check_error(error: MentorAIError, said: str) -> None:
    is_right = isinstance(error, PlatformError)
    expect(is_right, f"for {said} it raised {type(error).__name__}: {error.message}")
    expect("<" not in error.message, f"for {said} the sentence holds a piece of the LMS's page")
    told = SECRET in error.message or TOKEN in error.message
    expect(not told, f"for {said} the sentence holds a secret")


def _refusals_are_told(bench: Bench) -> str:
    seen = []
    for said, reply in REFUSALS:
        found = _check(bench, reply)
        if not isinstance(found, MentorAIError):
            raise Failed(f"the API answered {said}, and it gave {describe(found)}")
        _check_error(found, said)
        seen.append(f"{said}: {found.code}")
    return ", ".join(seen)


def _odd_answers_do_no_harm(bench: Bench) -> str:
    reports = 0
    for said, reply in ODD:
        found = _check(bench, reply)
        if isinstance(found, MentorAIError):
            _check_error(found, said)
        else:
            _check_report(found, said)
            reports += 1
    return f"{len(ODD) - reports} errors, {reports} reports"


def _check_report(report: object, said: str) -> None:
    if not isinstance(report, ConnectionReport):
        raise Failed(f"for {said} it gave {describe(report)}, which is no ConnectionReport")
    is_text = isinstance(report.account_name, str) and isinstance(report.lms_version, str)
    expect(is_text, f"for {said} the report names {describe(report.account_name)}")
    for each in report.abilities:
        is_one = isinstance(each, Ability) and each.purpose.strip()
        expect(is_one, f"for {said} an ability is {describe(each)}")
        says_what = each.is_allowed or each.missing.strip()
        expect(says_what, f"for {said} {each.purpose!r} is not allowed, and nothing is missing")


def _sign_in_begins(bench: Bench) -> str:
    connection = _connect(bench)
    asked: dict[str, Any] = {"engine": bench.engine, "connection": connection}
    begun = bench.ask("begin_connection", state=STATE, **asked)
    if not isinstance(begun, ConnectionBegun):
        raise Failed(f"begin_connection gave {describe(begun)} for its own kind")
    is_there = find_origin(begun.url) == find_origin(connection.base_url)
    expect(is_there, f"it leads to {find_origin(begun.url)}, and not to the LMS that was entered")
    expect(STATE in begun.url, "the LMS is not told the state, so nobody can tell who came back")
    expect(SECRET not in begun.url, "the address holds the secret that campus IT entered")
    if bench.has("finish_connection"):
        declined = {"error": "access_denied", "state": STATE}
        error = bench.ask_error("finish_connection", answer=declined, kept=begun.kept, **asked)
        _check_error(error, "a consent that was declined")
    return "on to the LMS with the state; a consent that is declined is told"


def _ask_for_sections(bench: Bench) -> list[Any] | None:
    course = get_course()

    def read(answer: Any) -> list[Any] | None:
        return None if answer is None else list(answer)

    found: list[Any] | None = bench.ask(
        "list_sections", read,
        engine=bench.engine, platform=bench.facts,
        context=Context(course.context_id, course.label, course.title),
    )  # fmt: skip
    return found


def _sections_fit(bench: Bench) -> str:
    access = _find_access(bench)
    _connect(bench, access)
    _launch_everybody(bench)
    try:
        found = _ask_for_sections(bench)
    except PlatformError as error:
        if access is not MADE_UP:
            raise Failed(f"list_sections raised {error.code}: {error.message}") from error
        raise LeftOut(f"the sandbox does not speak its API: {error.message}") from error
    if found is None:
        raise LeftOut("list_sections gave None: it knows too little of the sandbox's course")
    odd = [each for each in found if not isinstance(each, Member | CourseSection | Group)]
    expect(not odd, f"among the sections there is {describe(odd[:1])}")
    members = [each for each in found if isinstance(each, Member)]
    is_real = access is not MADE_UP
    expect(not is_real or len(members) < len(found), "there is no section and no group at all")
    placed = any(each.section_ids or each.group_ids for each in members)
    expect(not is_real or placed, "nobody is in a section or a group")
    for kind, fact in ((CourseSection, "section_ids"), (Group, "group_ids")):
        named = {each.lms_id for each in found if isinstance(each, kind)}
        used = {one for member in members for one in getattr(member, fact) or ()}
        lost = sorted(used - named)
        expect(not lost, f"{fact} of a member holds {', '.join(lost[:3])}, which has no name")
    return f"{len(members)} members, {len(found) - len(members)} sections and groups, each named"


def _sections_break_off(bench: Bench) -> str:
    _connect(bench, _find_access(bench))
    _launch_everybody(bench)
    for said, reply in REFUSALS[-2:]:
        with _answering(bench, reply):
            try:
                found = _ask_for_sections(bench)
            except MentorAIError as error:
                _check_error(error, said)
                continue
        if found is None:
            raise LeftOut("list_sections gave None: it knows too little of the sandbox's course")
        raise Failed(f"the API answered {said}, and the list ended quietly after {len(found)}")
    return "a PlatformError, so that everybody stays where they were"


CASES: Sequence[PluginCase] = (
    about("connection_form", "connection.form", "what is entered for an API is clear",
          "its own family", "a title, a purpose, a screen; the secret marked; a way to sign in",
          _is_clear),
    about("begin_connection", "connection.begun", "a sign-in begins at the LMS",
          "a sign-in, and a consent that is declined",
          "the LMS's own address with the state; a PlatformError", _sign_in_begins),
    about("connection_form check_connection", "connection.others", "others' APIs are left alone",
          "every other family, and a connection of another kind", "None", _is_left),
    about("check_connection", "connection.refused", "an API that refuses everything is told",
          "401, 403, 404, 500, and a page for people", "a PlatformError without a secret",
          _refusals_are_told),
    about("check_connection", "connection.odd", "odd answers of an API do no harm",
          "JSON of every kind that is not what was asked for",
          "a PlatformError, or a report that says what is missing", _odd_answers_do_no_harm),
    about("list_sections", "sections.named", "sections have names",
          "a course of the sandbox, where it speaks the API",
          "Members, and each section and group that they are in", _sections_fit),
    about("list_sections", "sections.broken", "sections that break off are none",
          "a failing API, and a page instead of an answer", "a PlatformError",
          _sections_break_off),
)  # fmt: skip
