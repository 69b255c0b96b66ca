"""One of everything in the demo, so that each example of the API's page finds what it speaks of."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentorai.core.errors import KeyRejected, NotFound
from mentorai.core.scopes import PROVISIONING_SCOPES, SCOPES
from mentorai.core.values import Context, Launch, ResourceLink, Role

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.core.key_rows import Kind
    from mentorai.core.values import Session

Json = Mapping[str, Any]
Place = tuple[str, str | None]
AUTHOR = "demo"
KEY_NAME = "Demo key"
QUESTION = "Why do barnacles close up at low tide?"
ENROLMENT = {"user": "s7654321", "section": "BIO-140-01", "name": "Grace Hopper"}
SECTION = {"slug": "bio-101-03", "display_name": "Biology 101, section 3"}
WEBHOOK_URL = "https://portal.example.edu/mentorai-events"


def seed_examples(engine: "Engine", description: Json, registration_id: str) -> None:
    """Give the first course's mentor one of each kind that it has none of.

    description: of the sandbox LMS. registration_id: of its registration here.
    """
    organization_id = engine.organizations.get().id
    mentor = engine.mentors.get(organization_id, description["courses"][0]["mentor"])
    place = (organization_id, mentor.id)
    if engine.grades.count(*place) == 0:
        _study(engine, _admit_student(engine, description, registration_id))
    if not engine.webhooks.list(*place):
        # Nobody answers there, so it is told of what the demo never has.
        issued = engine.webhooks.add(
            *place, url=WEBHOOK_URL, events=("key.expiring",), author=AUTHOR
        )
        engine.webhooks.test(issued.webhook)
    engine.enrolments.put(*place, ENROLMENT, platforms=frozenset(), author=AUTHOR)
    try:
        engine.mentors.get(organization_id, SECTION["slug"])
    except NotFound:
        engine.mentors.add(organization_id, author=AUTHOR, **SECTION)


def _admit_student(engine: "Engine", description: Json, registration_id: str) -> "Session":
    """The second student, come to the course's first quiz.

    Whoever tries the demo is the first student, and has every attempt before them.
    """
    platform, course = description["platform"], description["courses"][0]
    student = [one for one in description["people"] if one["kind"] == "student"][1]
    item = next(item for item in course["items"] if "quiz" in item["custom"])
    return engine.admit(
        Launch(
            organization_id=engine.organizations.get().id,
            registration_id=registration_id,
            deployment_id=platform["deployment_ids"][0],
            issuer=platform["issuer"],
            client_id=platform["client_id"],
            family_code="",
            message_type="LtiResourceLinkRequest",
            subject=student["sub"],
            role=Role.LEARNER,
            target="/",
            name=student["name"],
            context=Context(course["context_id"], label=course["label"], title=course["title"]),
            resource_link=ResourceLink(item["resource_link_id"], title=item["title"]),
            custom=item["custom"],
        )
    )


def _study(engine: "Engine", session: "Session") -> None:
    """A question and a quiz, which gives a grade."""
    list(engine.ask(session, QUESTION))
    quizzes, who = engine.quizzes, (session.organization_id, session.mentor_id)
    quiz = quizzes.get(*who, str(session.quiz_id))
    attempt = quizzes.start_attempt(*who, quiz.id, session.person_id, session.resource_link_id)
    # What is answered with a click is right, the rest left out.
    answers = {one["id"]: one["answer"] for one in quiz.questions if isinstance(one["answer"], int)}
    quizzes.submit(engine, *who, attempt.id, session.person_id, answers)


def keep_keys(engine: "Engine", mentor: str, folder: Path) -> None:
    """A key of each kind with every scope that it can have, in files for their owner alone.

    A new one when the old is dead or may do less. mentor: its slug.
    """
    organization_id = engine.organizations.get().id
    place = (organization_id, engine.mentors.get(organization_id, mentor).id)
    _keep_key(engine, place, "mentor", SCOPES, folder / "api-key")
    whole = (organization_id, None)
    _keep_key(engine, whole, "provisioning", PROVISIONING_SCOPES, folder / "provisioning-key")


def _keep_key(
    engine: "Engine", place: Place, kind: "Kind", scopes: Mapping[str, str], path: Path
) -> None:
    if _is_good(engine, path, scopes):
        return
    for key in engine.keys.list(*place):
        if key.name == KEY_NAME:
            engine.keys.delete(*place, key.id, AUTHOR)
    issued = engine.keys.issue(
        *place,
        kind=kind,
        name=KEY_NAME,
        scopes=tuple(scopes),
        expires_at=None,
        author=AUTHOR,
    )
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(issued.text)


def _is_good(engine: "Engine", path: Path, scopes: Mapping[str, str]) -> bool:
    try:
        key = engine.keys.check(path.read_text("ascii"), scope=None, address="127.0.0.1")
    except (OSError, ValueError, KeyRejected):
        return False
    return set(scopes) <= set(key.scopes)
