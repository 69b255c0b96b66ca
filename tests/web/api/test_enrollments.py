import threading
import time
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import time_machine

from mentorai.core.bulk import BATCH
from mentorai.core.clock import now
from mentorai.core.enrolment_rows import COLUMNS
from mentorai.core.roster_parts import keep_sections
from mentorai.core.roster_rows import Reading, keep_members
from mentorai.core.sheets import check_row
from mentorai.core.values import CourseSection, Member, Role
from tests.fakes.visitor import open_session

BULK = "/api/v1/enrollments/bulk"
BODY = {"user": "s7", "section": "BIO-1", "role": "assistant", "name": "Ada"}


@pytest.fixture
def it(app, provisioning_key):
    """A client with a provisioning key."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Api-Token {provisioning_key}"
    return client


def test_person_is_enrolled_changed_and_taken_out(api, mentor):
    made = api.put("/api/v1/enrollments", json=BODY)
    assert (made.status_code, made.json["role"], made.json["mentor"]) == (
        201,
        "assistant",
        mentor.id,
    )
    again = api.put("/api/v1/enrollments", json=BODY)
    assert (again.status_code, again.json) == (200, made.json)
    changed = api.put("/api/v1/enrollments", json=BODY | {"role": "learner"})
    assert (changed.json["id"], changed.json["role"]) == (made.json["id"], "learner")

    where = f"/api/v1/enrollments/{made.json['id']}"
    assert api.get(where).json == changed.json
    assert api.delete(where).status_code == 204
    assert api.delete(where).status_code == 404
    assert api.get("/api/v1/enrollments").json["count"] == 0


def test_nobody_is_missed_where_people_change_and_go_while_the_list_is_read(api):
    put = {u: api.put("/api/v1/enrollments", json={"user": u}).json["id"] for u in "abcdef"}
    page = api.get("/api/v1/enrollments?page_size=2&role=learner").json
    seen = [one["user"] for one in page["results"]]

    api.put("/api/v1/enrollments", json={"user": "a", "name": "Ada"})
    api.delete(f"/api/v1/enrollments/{put['b']}")
    api.put("/api/v1/enrollments", json={"user": "g"})
    while page["next"]:
        answer = api.get(page["next"].removeprefix("http://localhost:8000"))
        page = answer.json
        seen += [one["user"] for one in page["results"]]
        assert (f'<{page["next"]}>; rel="next"' == answer.headers.get("Link")) == bool(page["next"])

    assert seen == ["a", "b", "c", "d", "e", "f", "a", "g"]
    assert page["count"] == 6


def test_who_asks_since_the_last_one_they_have_misses_none_where_a_clock_is_behind(api, it):
    """Two machines' clocks, an hour apart: what was put last comes last."""
    api.put("/api/v1/enrollments", json={"user": "a"})
    (last,) = api.get("/api/v1/enrollments").json["results"]

    with time_machine.travel(now() - timedelta(hours=1), tick=False):
        api.put("/api/v1/enrollments", json={"user": "b"})
        it.post(BULK, json={"enrollments": [{"mentor": last["mentor"], "user": "c"}]})
        api.put("/api/v1/enrollments", json={"user": "a", "name": "Ada"})

    newer = api.get("/api/v1/enrollments", query_string={"since": last["updated_at"]}).json
    assert [one["user"] for one in newer["results"]] == ["b", "c", "a"]


def test_nobody_is_missed_who_is_written_while_another_process_waits_to_write(
    api, engine, mentor, enrolment
):
    rows = [check_row(n, {"user": f"n{n}"}, COLUMNS) for n in range(BATCH + 1)]
    other = threading.Thread(
        target=api.put, args=["/api/v1/enrollments"], kwargs={"json": {"user": "z"}}
    )
    looks = []

    def look(since):
        query = {"since": since, "page_size": 200}
        return [one["user"] for one in walk(api, f"/api/v1/enrollments?{urlencode(query)}")]

    def read_rows():
        """Read twice: to look at them, and while they are written, from the second batch on."""
        yield from rows[:BATCH]
        looks.append(look(f"{enrolment.updated_at:%Y-%m-%dT%H:%M:%S.%fZ}"))
        if len(looks) == 2:
            other.start()
            time.sleep(0.2)
        yield from rows[BATCH:]

    where = mentor.organization_id, mentor.id
    engine.enrolments.apply(*where, read_rows, platforms=frozenset(), author="test")
    other.join()

    newer = look(f"{enrolment.updated_at:%Y-%m-%dT%H:%M:%S.%fZ}")
    assert looks == [[enrolment.user]] * 2
    assert (len(newer), newer[0], newer[-1]) == (BATCH + 3, enrolment.user, "z")


def walk(api, address):
    """What is on all pages of a list."""
    while address:
        page = api.get(address.removeprefix("http://localhost:8000")).json
        yield from page["results"]
        address = page["next"]


def test_end_of_a_page_is_ours_or_refused(api):
    for query in ("after=b", "source=lms&after=b"):
        answer = api.get(f"/api/v1/enrollments?{query}")

        assert (answer.status_code, list(answer.json["errors"])) == (422, ["after"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "user"),
        ({"user": " "}, "user"),
        ({"user": "=1"}, "user"),
        ({"user": "a", "platform": "nowhere"}, "platform"),
        ({"user": "a", "role": "king"}, "role"),
        ({"user": "a", "name": "A\nB"}, "name"),
        ({"user": "a", "mentor": "other"}, "mentor"),
    ],
    ids=str,
)
def test_wrong_enrollment_is_refused(api, body, field):
    answer = api.put("/api/v1/enrollments", json=body)

    assert answer.status_code == 422
    assert field in answer.json["errors"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("user=s1", 1),
        ("user=s2", 0),
        ("section=BIO-1", 1),
        ("role=instructor", 0),
        ("since=2020-01-01T00:00:00Z", 1),
        ("since=2999-01-01T00:00:00Z", 0),
    ],
)
def test_enrollments_are_filtered(api, enrolment, query, count):
    assert api.get(f"/api/v1/enrollments?{query}").json["count"] == count


def test_people_on_the_lms_list_are_shown_when_asked_for(it, api, engine, mentor, enrolment):
    session = open_session(engine, mentor, subject="s-1", name="Ana Souza")
    reading = Reading("r1", mentor.organization_id, session.context_id, "registration", now())
    member = Member("s-2", Role.LEARNER, name="Bo Li", section_ids=("7",))
    with engine.database.write() as connection:
        keep_members(connection, reading, [member])
        keep_sections(connection, session.context_id, [CourseSection("7", "BIO-1 north")])

    (found,) = api.get("/api/v1/enrollments?source=lms").json["results"]

    told = {name: found[name] for name in ("id", "mentor", "user", "platform", "section", "status")}
    assert told == {
        "id": "", "mentor": mentor.id, "user": "s-2", "platform": "registration",
        "section": "BIO-1 north", "status": "active",
    }  # fmt: skip
    assert (found["name"], found["source"], found["role"]) == ("Bo Li", "lms", "learner")
    for query, count in (
        ("section=BIO-1%20north&user=s-2&role=learner", 1),
        ("section=BIO-1", 0),
        ("user=s-1", 0),
        ("since=2999-01-01T00:00:00Z", 0),
    ):
        assert api.get(f"/api/v1/enrollments?source=lms&{query}").json["count"] == count
    assert it.get("/api/v1/enrollments?source=lms").json["count"] == 1
    (own,) = api.get("/api/v1/enrollments").json["results"]
    assert (own["source"], own["status"], own["course"]) == ("campus", "active", "")


def test_semester_starts_with_two_sheets(it, engine, mentor):
    sections = "slug,display_name\n" + "".join(f"bio-{n},Biology {n}\n" for n in range(40))
    people = "mentor,user,section\n" + "".join(f"bio-{n},s{n},BIO-{n}\n" for n in range(40))
    for address, body in (("/api/v1/mentors/bulk", sections), (BULK, people)):
        tries = [
            it.post(address + query, data=body, content_type="text/csv").json
            for query in ("?dry_run=true", "", "")
        ]
        told = [(one["applied"], one["created"], one["unchanged"]) for one in tries]
        assert told == [(False, 40, 0), (True, 40, 0), (True, 0, 40)]
        assert tries[0]["changes"] == tries[1]["changes"]

    assert it.get("/api/v1/mentors").json["count"] == 41
    assert it.get("/api/v1/mentors/bio-3/enrollments").json["results"][0]["user"] == "s3"


def test_bad_rows_are_told_by_line_and_nothing_is_written(api):
    body = "user,role\na,learner\n=b,learner\nc,king\n"

    answer = api.post(BULK, data=body, content_type="text/csv")

    assert (answer.status_code, answer.json["code"]) == (422, "validation_failed")
    assert answer.json["errors"].keys() == {"3.user", "4.role"}
    assert "king" not in answer.text
    assert api.get("/api/v1/enrollments").json["count"] == 0
    report = api.post(f"{BULK}?atomic=false", data=body, content_type="text/csv").json
    assert (report["created"], report["refused"]) == (1, 2)


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"user\na\n", "text/csv; charset=utf-8", 200),
        (b"user\na\n", "text/csv; charset=latin-1", 422),
        (b"user\na\n", "text/plain", 415),
        (b"", "text/csv", 422),
        (b'{"enrollments": [{"user": "a"}]}', "application/json", 200),
        (b'{"enrollments": {"user": "a"}}', "application/json", 422),
        (b'{"enrollments": [], "more": 1}', "application/json", 422),
        (b"[]", "application/json", 422),
    ],
)
def test_sheet_is_csv_in_utf_8_or_json(api, body, media_type, status):
    assert api.post(BULK, data=body, content_type=media_type).status_code == status


def test_sheet_that_is_sent_again_is_answered_as_before(api):
    headers = {"Idempotency-Key": "week-1"}
    answers = [
        api.post(BULK, data="user\na\n", content_type="text/csv", headers=headers) for _ in range(2)
    ]
    other = api.post(BULK, data="user\nb\n", content_type="text/csv", headers=headers)

    assert answers[0].json == answers[1].json
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 422


def test_provisioning_key_names_the_mentor(it, mentor):
    assert it.put("/api/v1/enrollments", json=BODY).status_code == 404
    assert it.put(f"/api/v1/mentors/{mentor.slug}/enrollments", json=BODY).status_code == 201
    answer = it.post(BULK, data="user\na\n", content_type="text/csv")
    assert answer.json["errors"] == {"2.mentor": ["This is needed."]}


def test_mentor_is_made_and_changed_by_its_short_name(it):
    facts = {"display_name": "Biology", "description": "Cells"}
    made = it.put("/api/v1/mentors/bio", json=facts)
    assert (made.status_code, made.json["slug"]) == (201, "bio")
    assert it.put("/api/v1/mentors/bio", json=facts).json == made.json
    changed = it.put("/api/v1/mentors/bio", json={"description": "Tissues"})
    assert (changed.status_code, changed.json["display_name"]) == (200, "Biology")
    assert it.get("/api/v1/mentors/bio/mentor").json["description"] == "Tissues"
    assert it.post("/api/v1/mentors", json={"display_name": "Bio"}).status_code == 409


def test_mentor_is_put_only_as_it_was_seen(it):
    where, seen = "/api/v1/mentors/bio", {"If-Match": '"none"'}
    before = it.put(where, json={"display_name": "Biology"}, headers=seen)
    tag = it.put(where, json={"display_name": "Biology"}).headers["ETag"]
    same = it.get(where).headers["ETag"]
    first = it.put(where, json={"description": "Cells"}, headers={"If-Match": tag})
    late = it.put(where, json={"description": "Tissues"}, headers={"If-Match": tag})

    assert (before.status_code, same, first.status_code) == (412, tag, 200)
    assert (late.status_code, late.json["code"]) == (412, "precondition_failed")
    assert it.get(where).json["description"] == "Cells"


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("Not A Slug", {"display_name": "x"}, 404),
        ("0191f2aa-7c11-7d7e-9a51-2b6f3a4c5d6e", {"display_name": "x"}, 404),
        ("new", {}, 422),
        ("bulk", {"display_name": "x"}, 422),
        ("new", {"display_name": "x" * 101}, 422),
        ("new", {"display_name": "x", "slug": "y"}, 422),
    ],
)
def test_wrong_mentor_is_refused(it, name, body, status):
    assert it.put(f"/api/v1/mentors/{name}", json=body).status_code == status
    assert it.get("/api/v1/mentors").json["count"] == 1


def test_mentors_short_name_is_never_another_ones_id(it, mentor):
    facts = {"slug": mentor.id, "display_name": "Not this one"}

    made = it.post("/api/v1/mentors", json=facts)
    in_a_sheet = it.post("/api/v1/mentors/bulk", json={"mentors": [facts]})

    assert (made.status_code, list(made.json["errors"])) == (422, ["slug"])
    assert (in_a_sheet.status_code, list(in_a_sheet.json["errors"])) == (422, ["1.slug"])


def test_sheet_that_is_no_utf_8_is_refused_by_line(api):
    sheet = "mentor,user\nbiolog\u00eda,s1\n".encode("windows-1252")

    answer = api.post(BULK, data=sheet, content_type="text/csv")

    assert answer.status_code == 422
    assert any(name.startswith("2") for name in answer.json["errors"])
