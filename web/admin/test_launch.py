"""The first launch of a new LMS, and what the LMS answers to everything that is asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request

from mentorai.core.engine import Engine
from mentorai.core.explanations import EXPLANATIONS, read_screens
from mentorai.core.offers import find_offers
from mentorai.core.session_facts import SessionFacts, find_session_facts
from mentorai.core.values import SetupGuide, SetupStep
from mentorai.lti.launch_log_rows import LaunchEntry
from mentorai.lti.probe import probe
from mentorai.lti.registration_documents import find_document
from mentorai.lti.registrations import HELD, Registration
from mentorai.lti.setup_forms import find_guide, list_left, pick_values
from mentorai.lti.tool import Tool
from mentorai.web.admin.desk import desk
from mentorai.web.registration_words import begin_sentence, tell

SCORE = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
LINE_ITEM = "https://purl.imsglobal.org/spec/lti-ags/scope/lineitem"
# Of the last launches one may be another person's; the newest that was let in is shown.
LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Service:
    """One thing that an LMS may offer: what for, whether it does, and where to allow it."""

    name: str
    is_offered: bool
    without: str
    screen: str


class TestLaunchPages:
    """One LMS tried out."""

    # Its name begins as those of tests do.
    __test__ = False

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tool = engine.room(Tool)

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        one = "/platforms/<registration_id>"
        admin.add_url_rule(f"{one}/test", "test_launch", self.test)
        admin.add_url_rule(f"{one}/check", "check_platform", self.check, methods=["GET", "POST"])

    def test(self, registration_id: str) -> str:
        """Wait for a launch, and show what it brought."""
        registration = self._get(registration_id)
        entry = self._find_entry(registration)
        facts = self._find_facts(entry)
        screens = self._read_screens(registration)
        deployments = self._tool.deployments.list(registration.organization_id, registration.id)
        guide = find_guide(self._engine, registration.family or "lti")
        return render_template(
            "admin/test_launch.html",
            one=registration,
            guide=guide,
            left=self._list_left(guide, registration) if guide else (),
            entry=entry,
            facts=facts,
            services=_list_services(facts) if facts else (),
            held=[each for each in deployments if each.state == HELD],
            explanation=EXPLANATIONS.get(entry.outcome) if entry else None,
            screens=screens,
            after=_read_after(),
        )

    def check(self, registration_id: str) -> str:
        """Ask the LMS everything, if the button was pressed, and say what to change where."""
        registration = self._get(registration_id)
        findings = None
        if request.method == "POST":
            screens = self._read_screens(registration)
            offers = self._find_offers(registration)
            seen = list(probe(self._tool, registration, offers))
            seen.sort(key=lambda each: ("wrong", "note", "well").index(each.state))
            told = [(each, *tell(each, screens)) for each in seen]
            findings = [(each, begin_sentence(said), where) for each, said, where in told]
        return render_template("admin/check_platform.html", one=registration, findings=findings)

    def _list_left(
        self, guide: SetupGuide, one: Registration
    ) -> list[tuple[SetupStep, Mapping[str, str]]]:
        """What is left to do in the LMS before a launch can come, and what is entered there."""
        document = find_document(self._engine, guide.family)
        by_link = self._tool.invitations.has_brought(one.organization_id, one.id)
        steps = list_left(guide, by_link=by_link)
        return [(step, pick_values(guide, step, document)) for step in steps]

    def _get(self, registration_id: str) -> Registration:
        return self._tool.registrations.get(desk().organization_id, registration_id)

    def _find_offers(self, registration: Registration) -> Any:
        return find_offers(self._engine.database, registration.organization_id, registration.id)

    def _read_screens(self, registration: Registration) -> Mapping[str, str]:
        profiles = self._engine.plugins.ask_all("platform_profile")
        family = registration.family or self._find_offers(registration).family
        return read_screens(profiles, family)

    def _find_entry(self, registration: Registration) -> LaunchEntry | None:
        """The newest verified launch after the one that was seen, rather one that was let in."""
        self._tool.launch_log.flush()
        after = _read_after()
        _, entries = self._tool.launch_log.list(
            registration.organization_id, registration_id=registration.id, page_size=LOOKED_AT
        )
        new = [each for each in entries if each.id > after]
        return next((each for each in new if each.is_admitted), new[0] if new else None)

    def _find_facts(self, entry: LaunchEntry | None) -> SessionFacts | None:
        if entry is None or entry.session_id is None:
            return None
        return find_session_facts(self._engine.database, entry.organization_id, entry.session_id)


def _read_after() -> int:
    """The launch that was looked at already."""
    return max(0, request.args.get("after", 0, type=int))


def _list_services(facts: SessionFacts) -> list[Service]:
    scopes = facts.grade_scopes
    return [
        Service("Names", bool(facts.name), "People are shown as “Person” and a number.", "privacy"),
        Service("E-mail addresses", bool(facts.email), "Nothing else is lost.", "privacy"),
        Service(
            "Grades",
            facts.has_grades and SCORE in scopes,
            "Scores of quizzes do not arrive in the gradebook.",
            "services",
        ),
        Service(
            "Gradebook columns",
            facts.has_grades and LINE_ITEM in scopes,
            "Only columns that the LMS made for an activity can be filled.",
            "services",
        ),
        Service(
            "Names and roles",
            facts.has_roster,
            "The list of a course's people is not read; those who came are known.",
            "services",
        ),
        Service("Groups", facts.has_groups, "Nothing else is lost; few LMSs offer it.", "services"),
    ]
