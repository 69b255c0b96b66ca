"""Grades that other systems give, put right, pull and compare."""

from datetime import timedelta

import pytest
import time_machine

from mentorai.core import hookimpl
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.roster_rows import Reading, keep_members
from mentorai.core.values import (
    Context,
    Launch,
    LineItem,
    Member,
    Receipt,
    ResourceLink,
    Result,
    Role,
)

GRADES = "/api/v1/grades"


class Gradebook:
    """An LMS's gradebook of one column, which keeps what it is sent."""

    def __init__(self):
        self.held: dict[str, float] = {}
        self.columns = 0

    @hookimpl
    def find_line_item(self, place):
        self.columns += 1
        return LineItem(url="https://lms.example.edu/items/1", label=place.title)

    @hookimpl
    def push_score(self, platform, line_item, score):
        self.held[score.subject] = score.given / score.maximum * 100
        return Receipt(now())

    @hookimpl
    def read_results(self, platform, line_item):
        return [Result(subject, given, 100) for subject, given in self.held.items()]


@pytest.fixture
def gradebook() -> Gradebook:
    return Gradebook()


@pytest.fixture
def engine(settings, gradebook):
    engine = Engine.open(settings, plugins=[("gradebook", gradebook)])
    yield engine
    engine.close()


@pytest.fixture
def give(api, session):
    """Give a grade from outside; the answer."""

    def post(headers=None, **facts):
        body = {"user": "sub-1", "score_given": 8, "score_maximum": 10} | facts
        return api.post(GRADES, json=body, headers=headers)

    return post


def test_grade_from_outside_reaches_the_gradebook(give, api, engine, gradebook):
    given = give(comment="Well argued.")

    assert given.status_code == 201
    assert (given.json["source"], given.json["release"]) == ("api", "released")
    assert given.json["sync"]["status"] == "waiting"
    engine.outbox.deliver_due()
    assert (gradebook.held, gradebook.columns) == ({"sub-1": 80}, 1)
    assert api.get(f"{GRADES}/{given.json['id']}").json["sync"]["status"] == "sent"


@pytest.mark.parametrize("name", ["user", "lms"])
def test_person_is_found_by_either_id(give, session, name):
    user = session.person_id if name == "user" else "sub-1"

    assert give(user=user, resource_link_id="link-1", context_id="course-1").status_code == 201


def test_second_grade_replaces_the_first(give):
    first, second = give(), give(score_given=9)

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json["id"] == first.json["id"]
    assert second.json["score_given"] == 9


def test_same_grade_again_changes_and_sends_nothing(give, engine, api):
    give()
    engine.outbox.deliver_due()
    before = api.get(GRADES).json

    again = give()

    assert again.status_code == 200
    assert api.get(GRADES).json == before
    assert engine.outbox.due() == []


def test_named_call_that_is_sent_again_is_answered_as_before(give):
    name = {"Idempotency-Key": "week-1"}
    first = give(name)
    give(score_given=3)

    again = give(name)

    assert (again.status_code, again.json["score_given"]) == (201, 8)
    assert again.json["id"] == first.json["id"]


@pytest.mark.parametrize(
    "facts",
    [
        {"user": "nobody"},
        {"quiz": "nothing"},
        {"context_id": "another"},
        {"resource_link_id": "another"},
        {"user": "\u0000" * 3},
    ],
    ids=str,
)
def test_grade_for_who_or_what_is_not_there_is_refused(give, api, facts):
    assert give(**facts).status_code in (400, 404)
    assert api.get(GRADES).json["count"] == 0


@pytest.mark.parametrize(
    "facts",
    [
        {"user": ""},
        {"score_given": -1},
        {"score_maximum": 0},
        {"score_given": "NaN"},
        {"release": "hidden"},
        {"source": "quiz"},
        {"comment": "x" * 2_001},
    ],
    ids=str,
)
def test_grade_that_cannot_be_one_is_refused(give, facts):
    assert give(**facts).status_code == 422


@pytest.mark.parametrize(
    ("role", "status"), [(Role.LEARNER, 201), (Role.INSTRUCTOR, 404), (Role.ASSISTANT, 404)]
)
def test_who_only_the_lms_lists_to_learn_can_be_graded(
    give, engine, mentor, session, gradebook, role, status
):
    reading = Reading("r1", mentor.organization_id, session.context_id, "registration", now())
    with engine.database.write() as connection:
        keep_members(connection, reading, [Member("sub-2", role, name="Bo Li")])

    given = give(user="sub-2")

    assert given.status_code == status
    engine.outbox.deliver_due()
    assert gradebook.held == ({"sub-2": 80.0} if status == 201 else {})


def test_person_of_another_mentors_course_is_not_found(give, engine, mentor, make_key, app):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    headers = {"Authorization": f"Api-Token {make_key(mentor_id=other.id)}"}

    assert give(headers).status_code == 404


def test_person_in_several_places_needs_one_named(give, engine, mentor, session):
    another_place(engine, mentor)

    unclear = give()

    assert unclear.status_code == 422
    assert "resource_link_id" in unclear.json["errors"]
    assert give(resource_link_id="link-2").status_code == 201


def test_override_is_refused_on_top_of_a_change_that_was_not_seen(give, api):
    made = give()
    where = f"{GRADES}/{made.json['id']}"
    tag = api.get(where).headers["ETag"]
    give(score_given=2)

    late = api.patch(where, json={"score_given": 10}, headers={"If-Match": tag})

    assert late.status_code == 412
    assert api.get(where).json["score_given"] == 2


def test_override_says_who_put_it_right(give, api, engine, mentor):
    made = give()

    api.patch(f"{GRADES}/{made.json['id']}", json={"score_given": 10})

    _, entries = engine.audit.list(mentor.organization_id, mentor.id)
    assert (entries[0].action, entries[0].actor) == ("grade_overridden", "API key Key 1")
    assert entries[0].facts == {"changed": ["given"], "from": [8, 10]}


def test_held_grade_cannot_be_sent_and_goes_when_released(give, api, engine, gradebook):
    where = f"{GRADES}/{give(release='held').json['id']}"
    assert api.post(f"{where}/sync").status_code == 409
    engine.outbox.deliver_due()
    assert gradebook.held == {}

    api.patch(where, json={"release": "released"})
    engine.outbox.deliver_due()

    assert gradebook.held == {"sub-1": 80}
    assert api.get(where).json["source"] == "api"


def test_next_leads_through_every_grade(give, api, engine, mentor):
    for number in range(5):
        another_place(engine, mentor, f"sub-{number}", f"link-{number}")
        give(user=f"sub-{number}", resource_link_id=f"link-{number}", score_given=number)

    seen, address = [], f"{GRADES}?page_size=2&sync_status=waiting"
    while address:
        page = api.get(address).json
        seen += [grade["score_given"] for grade in page["results"]]
        address = page["next"]

    assert (seen, page["count"]) == ([0, 1, 2, 3, 4], 5)


@pytest.mark.parametrize("after", ["x", "2026-01-01_1", "2026-01-01T00:00:00.000000Z_'--"])
def test_end_of_a_page_that_is_none_is_refused(api, after):
    assert api.get(f"{GRADES}?after={after}").status_code == 422


def test_gradebook_is_compared_and_repaired(give, api, engine, gradebook):
    give()
    engine.outbox.deliver_due()
    gradebook.held["sub-1"] = 30

    (row,) = api.get(f"{GRADES}/reconcile").json["results"]
    assert (row["verdict"], row["platform_result"]) == ("overridden", 3)
    assert row["grade"]["score_given"] == 8
    assert api.get(GRADES).json["results"][0]["sync"]["platform_result"] == 3

    assert api.post(f"{GRADES}/reconcile", json={}).json["resent"] == 0
    repaired = api.post(f"{GRADES}/reconcile", json={"replace_teacher_grades": True})
    assert (repaired.status_code, repaired.json["resent"]) == (200, 1)
    with time_machine.travel(now() + timedelta(seconds=5)):
        engine.outbox.deliver_due()
    assert gradebook.held == {"sub-1": 80}


def test_comparison_leaves_out_what_agrees_unless_asked(give, api, engine):
    give()
    engine.outbox.deliver_due()

    found = api.get(f"{GRADES}/reconcile").json

    assert (found["counts"]["same"], found["results"]) == (1, [])
    whole = api.get(f"{GRADES}/reconcile?include_same=true").json
    assert [row["verdict"] for row in whole["results"]] == ["same"]


def test_comparison_of_a_quiz_that_is_not_there_is_not_found(api):
    assert api.get(f"{GRADES}/reconcile?quiz=nothing").status_code == 404
    assert api.post(f"{GRADES}/reconcile", json={"quiz": "nothing"}).status_code == 404


def another_place(engine, mentor, subject="sub-1", link="link-2"):
    launch = Launch(
        organization_id=mentor.organization_id,
        registration_id="registration",
        deployment_id="1",
        issuer="https://lms.example.edu",
        client_id="client",
        family_code="",
        message_type="LtiResourceLinkRequest",
        subject=subject,
        role=Role.LEARNER,
        target="/",
        context=Context("course-1"),
        resource_link=ResourceLink(link),
        custom={"mentor": mentor.id},
    )
    return engine.admit(launch)
