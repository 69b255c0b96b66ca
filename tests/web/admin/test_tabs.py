"""Datasets, prompt, grades, mentors and platforms: what each tab does."""

import io
import re
import threading
from datetime import datetime

import pytest

from tests.fakes.visitor import open_session
from tests.rivals import rival


def upload(instructor, pages, *files):
    instructor.get(f"{pages}/datasets")
    data = {"files": [(io.BytesIO(content), name) for name, content in files]}
    return instructor.post(f"{pages}/datasets", data, content_type="multipart/form-data")


# --- datasets -----------------------------------------------------------------------------


def test_several_files_are_taken_at_once(engine, mentor, instructor, pages):
    page = upload(
        instructor, pages, ("shore.md", b"# Shore\n\nMussels form bands."), ("a.txt", b"Some text.")
    )

    assert page.status_code == 200
    assert page.text.count("added, 1 passage<") == 2
    assert page.text.count(">Trained</span>") == 2
    assert len(engine.datasets.list(mentor.organization_id, mentor.id)) == 2


def test_same_file_again_changes_nothing(engine, mentor, instructor, pages):
    upload(instructor, pages, ("a.txt", b"Some text."))

    page = upload(instructor, pages, ("a.txt", b"Some text."))

    assert "was here already, unchanged" in page.text


@pytest.mark.parametrize(
    ("name", "content"),
    [("photo.png", b"\x89PNG\r\n\x1a\n"), ("a.txt", b"\xff\xfe\x00\x01\x80"), ("a.txt", b"")],
)
def test_file_that_cannot_be_read_is_refused_and_the_others_taken(instructor, pages, name, content):
    page = upload(instructor, pages, (name, content), ("good.md", b"# Good\n\nText."))

    assert page.status_code == 200
    assert "not added." in page.text
    assert "good.md" in page.text


def test_upload_of_nothing_says_so(instructor, pages):
    page = upload(instructor, pages)

    assert page.status_code == 422
    assert "Choose one or more files first." in page.text


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.txt", "C:\\course\\notes.txt", "<script>alert(1)</script>.txt"]
)
def test_hostile_file_name_is_harmless(instructor, pages, name):
    page = upload(instructor, pages, (name, b"Some text."))

    assert page.status_code in (200, 422)
    assert "<script>alert" not in page.text
    assert "etc/passwd" not in page.text


def test_passages_of_a_document_are_shown(engine, mentor, instructor, pages):
    upload(instructor, pages, ("shore.md", b"# Shore\n\nMussels <b>form</b> bands."))
    [dataset] = engine.datasets.list(mentor.organization_id, mentor.id)

    page = instructor.get(f"{pages}/datasets/{dataset.id}?page=99")

    assert page.status_code == 200
    assert "Mussels" in page.text


def test_document_is_removed_after_a_question(engine, mentor, instructor, pages):
    upload(instructor, pages, ("a.txt", b"Some text."))
    [dataset] = engine.datasets.list(mentor.organization_id, mentor.id)

    question = instructor.get(f"{pages}/datasets/{dataset.id}/delete")
    gone = instructor.follow(instructor.post(f"{pages}/datasets/{dataset.id}/delete"))

    assert "Remove “a.txt”?" in question.text
    assert "The document is removed." in gone.text
    assert not engine.datasets.list(mentor.organization_id, mentor.id)


def test_document_of_another_mentor_is_not_found(engine, organization, instructor, pages):
    other = engine.mentors.add(organization.id, "Statistics")
    stream = io.BytesIO(b"Some text.")
    dataset = engine.datasets.add(organization.id, other.id, "a.txt", "text/plain", stream)
    instructor.get(f"{pages}/datasets")

    assert instructor.get(f"{pages}/datasets/{dataset.id}").status_code == 404
    assert instructor.post(f"{pages}/datasets/{dataset.id}/delete").status_code == 404
    assert engine.datasets.get(organization.id, other.id, dataset.id)


# --- prompt -------------------------------------------------------------------------------


def save_prompt(instructor, pages, **fields):
    page = instructor.get(f"{pages}/prompt").text
    seen_at = re.search(r'name="seen_at" value="([^"]+)"', page)[1]
    given = {
        "seen_at": seen_at,
        "display_name": "Tidal Pools",
        "system_prompt": "Be kind.",
        "proactive_prompt": "Hello\r\nthere",
        "suggested_prompts": "One?\r\n\r\n  Two? \r\n",
    }
    return instructor.post(f"{pages}/prompt", given | fields)


def read_mentor(engine, mentor):
    return engine.mentors.get(mentor.organization_id, mentor.id)


def test_prompt_is_saved_as_a_new_version(engine, mentor, instructor, pages):
    page = instructor.follow(save_prompt(instructor, pages))

    saved = read_mentor(engine, mentor)
    assert "Saved." in page.text
    assert (saved.system_prompt, saved.proactive_prompt) == ("Be kind.", "Hello\nthere")
    assert saved.suggested_prompts == ("One?", "Two?")
    assert "Version 2" in page.text


def test_earlier_prompt_is_restored(engine, mentor, instructor, pages):
    save_prompt(instructor, pages)

    page = instructor.follow(instructor.post(f"{pages}/prompt/restore", {"version": "1"}))

    assert "in force again" in page.text
    assert read_mentor(engine, mentor).system_prompt == mentor.system_prompt
    assert instructor.post(f"{pages}/prompt/restore", {"version": "99"}).status_code == 404
    assert instructor.post(f"{pages}/prompt/restore", {"version": "x"}).status_code == 404


def test_page_that_the_database_ends_says_so_and_may_be_sent_again(
    engine, mentor, instructor, pages
):
    answers = []
    instructor.get(f"{pages}/prompt")
    save = threading.Thread(target=lambda: answers.append(save_prompt(instructor, pages)))
    with rival(engine.database) as other:
        other.lock("mentors", id=mentor.id)
        save.start()
        other.wait_for()
        other.end_them()
        save.join(20)

    assert answers[0].status_code == 503
    assert "The database could not do this at the moment" in answers[0].text
    assert read_mentor(engine, mentor).system_prompt == mentor.system_prompt
    assert save_prompt(instructor, pages).status_code == 303


def test_nobodys_change_is_lost_when_two_write_at_once(engine, mentor, instructor, pages):
    instructor.get(f"{pages}/prompt")
    engine.mentors.change(
        mentor.organization_id, mentor.id, {"system_prompt": "Theirs."}, author="someone"
    )

    page = save_prompt(
        instructor, pages, system_prompt="Mine.", seen_at=mentor.updated_at.isoformat()
    )

    assert page.status_code == 409
    assert "Someone else changed this mentor" in page.text
    assert "Theirs." in page.text
    assert ">Mine.</textarea>" in page.text
    assert read_mentor(engine, mentor).system_prompt == "Theirs."


def test_second_save_puts_ones_own_in_place(engine, mentor, instructor, pages):
    engine.mentors.change(
        mentor.organization_id, mentor.id, {"system_prompt": "Theirs."}, author="someone"
    )
    page = save_prompt(instructor, pages, seen_at=mentor.updated_at.isoformat())
    seen_at = re.search(r'name="seen_at" value="([^"]+)"', page.text)[1]

    save_prompt(instructor, pages, system_prompt="Mine.", seen_at=seen_at)

    assert read_mentor(engine, mentor).system_prompt == "Mine."


@pytest.mark.parametrize("seen_at", ["", "yesterday", "2026-01-01", "2026-01-01T00:00:00"])
def test_save_without_a_time_seen_is_a_conflict(instructor, pages, seen_at):
    assert save_prompt(instructor, pages, seen_at=seen_at).status_code == 409


@pytest.mark.parametrize(
    "fields",
    [
        {"display_name": ""},
        {"display_name": "x" * 101},
        {"system_prompt": "x" * 20_001},
        {"suggested_prompts": "\n".join("abcdefghi")},
        {"suggested_prompts": "x" * 201},
    ],
)
def test_wrong_prompt_is_refused_with_what_was_written(engine, mentor, instructor, pages, fields):
    page = save_prompt(instructor, pages, **fields)

    assert page.status_code == 422
    assert 'class="wrong"' in page.text
    assert "Hello" in page.text
    assert read_mentor(engine, mentor).updated_at == mentor.updated_at


def test_hostile_prompt_is_harmless_everywhere(instructor, pages):
    hostile = "</textarea><script>alert(1)</script>"

    page = instructor.follow(
        save_prompt(
            instructor,
            pages,
            display_name=hostile,
            system_prompt=hostile,
            proactive_prompt=hostile,
            suggested_prompts=hostile,
        )
    )

    assert "<script>alert" not in page.text
    assert "<script>alert" not in instructor.get(f"{pages}/").text


# --- grades -------------------------------------------------------------------------------


@pytest.fixture
def put_grade(engine, mentor):
    def put(subject, name, given=8.0):
        session = open_session(engine, mentor, subject=subject, name=name)
        return engine.report_score(
            organization_id=mentor.organization_id,
            mentor_id=mentor.id,
            person_id=session.person_id,
            context_id=session.context_id,
            resource_link_id=session.resource_link_id,
            given=given,
            maximum=10.0,
            source="api",
        )

    return put


def test_grades_name_the_student_or_a_pseudonym(put_grade, instructor, pages):
    put_grade("ana", "Ana Souza")
    nameless = put_grade("ghost", None, given=20 / 3)

    page = instructor.get(f"{pages}/grades").text

    assert "Ana Souza" in page
    assert f"Student {nameless.person_id[:6]}" in page
    assert "6.67 / 10" in page


def test_grades_show_what_was_held_back_or_put_right(engine, put_grade, instructor, pages):
    grade = put_grade("ana", "Ana Souza")
    engine.override_grade(grade, {"given": 9.0, "release": "held"}, author="test")

    page = instructor.get(f"{pages}/grades").text

    assert "9 / 10" in page
    assert "Held back</span>" in page
    assert "changed <time" in page
    assert "Resend" not in page

    page = instructor.follow(instructor.post(f"{pages}/grades/{grade.id}/release", {"page": "1"}))

    assert "The grade is released" in page.text
    assert "Held back</span>" not in page.text
    assert engine.outbox.waiting() >= 1


def test_grades_say_why_the_gradebook_has_none(engine, put_grade, instructor, pages):
    from mentorai.core.grade_rows import grades

    put_grade("ana", "Ana Souza")
    with engine.database.write() as connection:
        connection.execute(
            grades.update().values(sync_status="failed", sync_error_message="It <b>refused</b>.")
        )

    page = instructor.get(f"{pages}/grades").text

    assert "Failed</span>" in page
    assert "It &lt;b&gt;refused&lt;/b&gt;." in page
    assert "1 grade could not be sent" in instructor.get(f"{pages}/").text


def test_grade_is_sent_again(engine, put_grade, instructor, pages):
    from mentorai.core.grade_rows import grades

    grade = put_grade("ana", "Ana Souza")
    with engine.database.write() as connection:
        connection.execute(grades.update().values(sync_status="failed"))
    instructor.get(f"{pages}/grades")

    page = instructor.follow(instructor.post(f"{pages}/grades/{grade.id}/resend", {"page": "1"}))

    assert "The grade is on its way again." in page.text
    assert engine.outbox.waiting() >= 1


def test_many_grades_are_paged_newest_first(engine, put_grade, instructor, pages):
    for n in range(53):
        put_grade(f"s{n}", f"Student number {n:02}")

    first = instructor.get(f"{pages}/grades").text
    last = instructor.get(f"{pages}/grades?page=99").text

    assert "Student number 52" in first
    assert "Page 1 of 2" in first
    assert "Student number 00" in last
    assert "Page 2 of 2" in last


def test_grade_of_another_mentor_is_not_found(engine, organization, instructor, pages):
    other = engine.mentors.add(organization.id, "Statistics")
    person = open_session(engine, other, subject="ben", course="statistics")
    grade = engine.report_score(
        organization_id=organization.id,
        mentor_id=other.id,
        person_id=person.person_id,
        given=1.0,
        maximum=1.0,
        source="api",
    )
    instructor.get(f"{pages}/grades")

    assert instructor.post(f"{pages}/grades/{grade.id}/resend").status_code == 404


# --- mentors and platforms ----------------------------------------------------------------


def test_campus_it_makes_a_mentor(engine, organization, it_person):
    it_person.get("/admin/mentors/new")

    page = it_person.follow(
        it_person.post("/admin/mentors", {"display_name": "Statistics I", "description": "Tests"})
    )

    assert "<h1>Statistics I</h1>" in page.text
    assert engine.mentors.get(organization.id, "statistics-i").description == "Tests"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "Tidal Pools"])
def test_mentor_with_a_wrong_or_taken_name_is_refused(mentor, it_person, name):
    it_person.get("/admin/mentors/new")

    page = it_person.post("/admin/mentors", {"display_name": name, "description": "kept"})

    assert page.status_code == 422
    assert "kept" in page.text


def test_mentors_of_another_organization_are_not_found(engine, it_person):
    other = engine.organizations.put("other", "Other")
    mentor = engine.mentors.add(other.id, "Secret mentor")

    assert "Secret mentor" not in it_person.get("/admin/").text
    assert it_person.get(f"/admin/mentors/{mentor.slug}/api").status_code == 404
    assert it_person.get(f"/admin/mentors/{mentor.id}/api").status_code == 404


def test_platforms_are_listed_with_our_addresses(engine, organization, it_person):
    from mentorai.lti.tool import Tool

    engine.room(Tool).registrations.add(
        organization.id,
        issuer="https://lms.example",
        client_id="client-7",
        auth_url="https://lms.example/auth",
        token_url="https://lms.example/token",
        keyset_url="https://lms.example/keys",
        deployment_ids=["1"],
        name="Campus LMS",
    )

    page = it_person.get("/admin/platforms").text

    assert "Campus LMS" in page
    assert "client-7" in page
    assert "http://localhost:8000/lti/login" in page


def test_times_are_machine_readable(put_grade, instructor, pages):
    put_grade("ana", "Ana Souza")

    page = instructor.get(f"{pages}/grades").text

    found = re.search(r'<time datetime="([^"]+)" data-time="datetime">', page)
    assert datetime.fromisoformat(found[1]).tzinfo is not None
