"""The Webhooks tab: made, seen, paused, tried, replayed, started again, deleted."""

import re
from datetime import timedelta

import pytest

from mentorai.core.clock import now
from mentorai.core.webhook_rows import webhooks

URL = "https://portal.example.edu/events"


@pytest.fixture
def made(engine, mentor):
    return engine.webhooks.add(
        mentor.organization_id,
        mentor.id,
        url=URL,
        events=["grade.settled"],
        description="Grade feed",
        author="test",
    ).webhook


def stop(engine, webhook):
    """What the sender writes when a webhook failed for days."""
    with engine.database.write() as connection:
        connection.execute(
            webhooks.update()
            .where(webhooks.c.id == webhook.id)
            .values(
                status="stopped",
                failures=12,
                failing_since=now() - timedelta(days=3),
                stopped_reason="Nothing was taken for 3 days.",
                stopped_at=now(),
            )
        )


def test_instructor_makes_a_webhook_and_sees_its_secret_once(engine, mentor, instructor, pages):
    instructor.get(f"{pages}/webhooks/new")
    page = instructor.post(
        f"{pages}/webhooks/made", {"url": URL, "events": ["grade.settled"], "description": "Feed"}
    )

    (kept,) = engine.webhooks.list(mentor.organization_id, mentor.id)
    assert (kept.url, kept.events) == (URL, ("grade.settled",))
    (secret,) = re.findall(r"whsec_[\w+/=]+", page.text)
    assert page.headers["Cache-Control"] == "no-store"
    for path in ("", f"/{kept.id}"):
        assert secret not in instructor.get(f"{pages}/webhooks{path}").text


@pytest.mark.parametrize(
    "form",
    [
        {"url": "", "events": ["grade.settled"]},
        {"url": "javascript:alert(1)", "events": ["grade.settled"]},
        {"url": URL},
        {"url": URL, "events": ["nothing"]},
        {"url": URL, "events": ["grade.settled"], "description": "x" * 201},
    ],
    ids=str,
)
def test_webhook_that_cannot_be_one_is_not_made(engine, mentor, instructor, pages, form):
    instructor.get(f"{pages}/webhooks/new")
    page = instructor.post(f"{pages}/webhooks/made", form)

    assert page.status_code == 422
    assert "Nothing was saved yet." in page.text
    assert engine.webhooks.list(mentor.organization_id, mentor.id) == []


def test_what_was_sent_is_listed_and_sent_again(engine, instructor, pages, made):
    place = f"{pages}/webhooks/{made.id}"
    instructor.get(place)
    instructor.post(f"{place}/test", {})
    (delivery,) = engine.webhooks.list_deliveries(made)[1]
    page = instructor.get(place).text
    assert "webhook.test" in page
    assert "Waiting</span>" in page

    answer = instructor.post(f"{place}/replay", {"delivery": delivery.id})

    assert answer.status_code == 303
    assert instructor.post(f"{place}/replay", {"delivery": "nothing"}).status_code == 404


def test_stopped_webhook_is_noticed_everywhere_and_started_by_hand(
    engine, mentor, instructor, pages, made
):
    stop(engine, made)
    assert "A webhook was stopped" in instructor.get(f"{pages}/").text
    place = f"{pages}/webhooks/{made.id}"
    assert "Nothing was taken for 3 days." in instructor.get(place).text

    instructor.post(f"{place}/status", {"status": "active"})

    assert engine.webhooks.get(mentor.organization_id, mentor.id, made.id).status == "active"
    assert "was stopped" not in instructor.get(f"{pages}/").text


def test_webhook_is_paused_gets_a_new_secret_and_is_deleted(
    engine, mentor, instructor, pages, made
):
    place = f"{pages}/webhooks/{made.id}"
    instructor.get(place)
    instructor.post(f"{place}/status", {"status": "paused"})
    assert engine.webhooks.get(mentor.organization_id, mentor.id, made.id).status == "paused"
    assert "whsec_" in instructor.post(f"{place}/secret", {}).text
    assert instructor.post(f"{place}/status", {"status": "stopped"}).status_code == 422

    assert "Delete this webhook?" in instructor.get(f"{place}/delete").text
    instructor.post(f"{place}/delete", {})

    assert engine.webhooks.list(mentor.organization_id, mentor.id) == []


def test_webhooks_of_the_organization_are_campus_its_alone(
    engine, mentor, instructor, it_person, pages, made
):
    it_person.get("/admin/webhooks/new")
    it_person.post("/admin/webhooks/made", {"url": URL, "events": ["launch.refused"]})
    (whole,) = engine.webhooks.list(mentor.organization_id, None)

    assert "launch was refused" in it_person.get(f"/admin/webhooks/{whole.id}").text
    assert it_person.get(f"/admin/webhooks/{made.id}").status_code == 404
    assert it_person.get(f"/admin/mentors/{mentor.slug}/webhooks/{made.id}").status_code == 200
    assert instructor.get(f"{pages}/webhooks/{whole.id}").status_code == 404
    outside = pages.partition("/mentors/")[0]
    for path in ("", "/new", f"/{whole.id}"):
        assert instructor.get(f"{outside}/webhooks{path}").status_code == 404


def test_hostile_description_stays_text(engine, mentor, instructor, pages):
    hostile = "<script>alert(1)</script>"
    webhook = engine.webhooks.add(
        mentor.organization_id,
        mentor.id,
        url=URL,
        events=["grade.settled"],
        description=hostile,
        author="test",
    ).webhook

    for path in ("", f"/{webhook.id}"):
        assert hostile not in instructor.get(f"{pages}/webhooks{path}").text
