"""judge, frame, pages: who may come in, where we may be framed, and what is added to our pages."""

import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
from click import Command
from click.testing import CliRunner
from flask import Blueprint, Flask

from mentorai.core.errors import MentorAIError
from mentorai.core.values import AdminTab, Denial, Identity, Link, MentorRef, RequestFacts, Role
from mentorai.lti.origins import find_origin
from mentorai.plugins.sandbox.certification.case import Failed, LeftOut, expect
from mentorai.plugins.sandbox.certification.instance import running_instance
from mentorai.plugins.sandbox.conformance.bench import Bench, describe
from mentorai.plugins.sandbox.conformance.case import PluginCase, about

MESSAGES = ("", " ", "x" * 100_000, "a\x00b", "\u202e", "<script>alert(1)</script>", "🦀" * 1_000)
ADDRESSES = ("", "127.0.0.1", "2001:db8::1", "not an address")
CREDENTIALS = (
    *("", "x", "a.b.c", "..", "eyJhbGciOiJub25lIn0.e30.", "x" * 100_000, "\x00", "ü.ü.ü"),
    *("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSJ9.AAAA", "[1].[2].[3]"),
)  # fmt: skip
PEOPLE = ("maya", "private", "ruth", "ines")


def _check_denial(hook: str, answer: object) -> bool:
    """Whether it refuses. Raises Failed unless the answer is None or a Denial that says why."""
    if answer is None:
        return False
    if not isinstance(answer, Denial) or not answer.reason.strip():
        raise Failed(f"{hook} gave {describe(answer)}, and neither None nor a Denial with a reason")
    return True


def _judge(bench: Bench, hook: str, **facts: Any) -> bool:
    try:
        return _check_denial(hook, bench.ask(hook, **facts))
    except MentorAIError as error:
        # The toolkit takes it for a refusal, whatever the plugin meant.
        raise Failed(f"{hook} raised {type(error).__name__}: {error.message}") from error


def _judges_launches(bench: Bench) -> str:
    launches = [bench.launch(person, item) for person in PEOPLE for item in ("tides-mentor", "")]
    launches += [
        bench.launch(sub=None, name=None, email=None, context=None, custom=None, locale=None),
        bench.launch(roles=[], custom={"mentor": "x" * 1_000, "\u202e": ""}),
    ]
    denied = sum(_judge(bench, "judge_launch", launch=launch) for launch in launches)
    return f"{denied} of {len(launches)} refused"


def _judges_requests(bench: Bench) -> str:
    sessions = [bench.session(role) for role in Role]
    sessions.append(bench.session(registration_id=None))
    denied = tried = 0
    for session in sessions:
        for address in ADDRESSES:
            facts = RequestFacts("GET", "/s/x/" + "y" * 2_000, address)
            denied += _judge(bench, "judge_session", session=session, request_facts=facts)
            tried += 1
    return f"{denied} of {tried} refused"


def _judges_messages(bench: Bench) -> str:
    denied = sum(
        _judge(bench, "judge_turn", session=bench.session(role), message=message)
        for role in (Role.LEARNER, Role.INSTRUCTOR)
        for message in MESSAGES
    )
    return f"{denied} of {2 * len(MESSAGES)} refused"


def _chooses(bench: Bench) -> str:
    odd = {"mentor": "no-such-mentor", "quiz": "../x"}
    launches = [bench.launch(person) for person in PEOPLE]
    launches += [bench.launch(context=None, custom=None, sub=None), bench.launch(custom=odd)]
    chosen = 0
    for launch in launches:
        ref = bench.ask("choose_mentor", engine=bench.engine, launch=launch)
        if ref is None:
            continue
        expect(isinstance(ref, MentorRef), f"it gave {describe(ref)}")
        known = [each.id for each in bench.engine.mentors.list(launch.organization_id)]
        expect(ref.mentor_id in known, f"it chose {ref.mentor_id!r}, which is no mentor's id")
        chosen += 1
    return f"chosen in {chosen} of {len(launches)} launches"


def _validates(bench: Bench) -> str:
    bench.private |= {each for each in CREDENTIALS if len(each) > 20}
    for credential in CREDENTIALS:
        identity = bench.ask(
            "validate_credential", engine=bench.engine,
            organization_id=bench.registration.organization_id, credential=credential,
        )  # fmt: skip
        expect(not isinstance(identity, Identity), f"{credential[:20]!r} was believed")
        expect(identity is None, f"it gave {describe(identity)}")
    return f"None for {len(CREDENTIALS)} credentials that nobody issued"


def _frames(bench: Bench) -> str:
    sessions = [bench.session(role) for role in (Role.LEARNER, Role.ADMINISTRATOR)]
    sessions += [bench.session(registration_id=None, return_url=None)]
    sessions += [bench.session(registration_id=secrets.token_hex(16), return_url="javascript:x")]
    named: set[str] = set()
    for session in sessions:
        origins = bench.ask("frame_ancestors", engine=bench.engine, session=session)
        if isinstance(origins, str) or not isinstance(origins, Sequence):
            raise Failed(f"it gave {describe(origins)}, and no list")
        for origin in origins:
            whole = find_origin(origin)
            hint = f"; write {whole}" if whole else ""
            expect(whole == origin, f"{describe(origin)} is no origin{hint}")
        named |= set(origins)
    return ", ".join(sorted(named)) or "none"


def _get_routes(bench: Bench) -> Blueprint | None:
    routes = bench.ask("web_routes", engine=bench.engine)
    if routes is not None and not isinstance(routes, Blueprint):
        raise Failed(f"web_routes gave {describe(routes)}, and no Flask Blueprint")
    return routes


def _list_rules(blueprint: Blueprint) -> list[Any]:
    app = Flask("conformance", static_folder=None)
    app.register_blueprint(blueprint)
    return list(app.url_map.iter_rules())


def _routes_are_its_own(bench: Bench) -> str:
    routes = _get_routes(bench)
    if routes is None:
        raise LeftOut("web_routes gave None, as where nothing is set up")
    rules = _list_rules(routes)
    expect(rules, "the blueprint has no page")
    taken = ("/api", "/admin", "/s/", "/connections", "/static", "/healthz", "/readyz", "/metrics")
    ours = [rule.rule for rule in rules if rule.rule.startswith(taken) or rule.rule == "/"]
    expect(not ours, f"these addresses are the toolkit's: {', '.join(ours)}")
    return f"{len(rules)} addresses, such as {rules[0].rule}"


def _pages_answer(bench: Bench) -> str:
    """A toolkit of its own serves the pages, as an installation would."""
    if not bench.subject.installed:
        raise LeftOut("it is not installed, so another process does not find it")
    routes = _get_routes(bench)
    if routes is None:
        raise LeftOut("web_routes gave None, as where nothing is set up")
    open_to_get = [r.rule for r in _list_rules(routes) if "GET" in r.methods and not r.arguments]
    with (
        tempfile.TemporaryDirectory(prefix="mentorai-plugin-") as folder,
        running_instance(Path(folder)) as instance,
    ):
        for rule in open_to_get:
            url = f"{instance.settings.public_url}{rule}"
            status = requests.get(url, timeout=20, allow_redirects=False).status_code
            expect(status < 500, f"GET {rule} answers {status}")
    return f"the toolkit starts with it, and {len(open_to_get)} pages answer"


def _links(bench: Bench) -> str:
    links = bench.ask("sign_in_links", engine=bench.engine)
    for link in links:
        expect(isinstance(link, Link) and link.text.strip(), f"it gave {describe(link)}")
        safe = link.url.startswith("https://") or (link.url[:1] == "/" and link.url[1:2] != "/")
        expect(safe, f"{link.url!r} is neither a path of ours nor https")
    return ", ".join(link.text for link in links) or "none, as where nothing is set up"


def _tabs(bench: Bench) -> str:
    tabs = bench.ask("admin_tabs")
    for tab in tabs:
        expect(isinstance(tab, AdminTab) and tab.title.strip(), f"it gave {describe(tab)}")
    routes = _get_routes(bench) if bench.has("web_routes") else None
    known = {rule.endpoint for rule in _list_rules(routes)} if routes else set()
    lost = [tab.endpoint for tab in tabs if tab.endpoint not in known]
    expect(not lost, f"no page of web_routes is called {', '.join(lost)}")
    return ", ".join(tab.title for tab in tabs) or "none"


def _commands(bench: Bench) -> str:
    commands = bench.ask("commands")
    for each in commands:
        expect(isinstance(each, Command) and each.name, f"it gave {describe(each)}")
        expect(each.help, f"{each.name} does not say what it does")
        done = CliRunner().invoke(each, ["--help"])
        expect(done.exit_code == 0, f"{each.name} --help ends with {done.exit_code}")
    return ", ".join(str(each.name) for each in commands) or "none"


CASES: Sequence[PluginCase] = (
    about("judge_launch", "judge.launch", "it judges every launch", "usual and odd launches",
          "None, or a Denial with a reason; never an error", _judges_launches),
    about("judge_session", "judge.session", "it judges every request",
          "sessions of every role, from odd addresses",
          "None, or a Denial with a reason; never an error", _judges_requests),
    about("judge_turn", "judge.turn", "it judges every message",
          "empty, huge and hostile messages", "None, or a Denial with a reason; never an error",
          _judges_messages),
    about("choose_mentor", "mentor.chosen", "it chooses a mentor that there is",
          "usual and odd launches", "None, or a mentor of the organization", _chooses),
    about("validate_credential", "credential.odd", "it believes nobody without a reason",
          "texts, broken tokens and tokens of strangers", "None", _validates),
    about("frame_ancestors", "frame.origins", "it names origins",
          "sessions with and without an LMS", "a list of origins, nothing more", _frames),
    about("web_routes", "pages.own", "its addresses are its own", "web_routes()",
          "a Blueprint whose addresses are not the toolkit's", _routes_are_its_own),
    about("web_routes", "pages.answer", "its pages answer", "the toolkit, served with it",
          "it starts, and no page answers 500", _pages_answer),
    about("sign_in_links", "pages.links", "its links lead somewhere safe", "sign_in_links()",
          "texts, each with a path of ours or https", _links),
    about("admin_tabs", "pages.tabs", "its tabs have a page", "admin_tabs()",
          "titles, each with an endpoint of web_routes", _tabs),
    about("commands", "commands.help", "its commands explain themselves", "each with --help",
          "a name, a sentence, exit code 0", _commands),
)  # fmt: skip
