import html
import re
from datetime import UTC, datetime, timedelta

import pytest

from mentorai.core.clock import now

KEY = re.compile(r"mai_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}")
SEED_NAME = "LMS‑integration‑Aug 2025"


def fill(instructor, pages, **fields):
    """The new-key form as it was opened, with what a person changed."""
    page = instructor.get(f"{pages}/api/new").text
    once = re.search(r'name="once" value="([^"]+)"', page)[1]
    last_day = re.search(r'name="last_day" value="([^"]+)"', page)[1]
    scopes = re.findall(r'name="scopes" value="([^"]+)" id="[^"]+" checked', page)
    given = {"once": once, "last_day": last_day, "scopes": scopes, "name": SEED_NAME}
    return given | fields


def create(instructor, pages, **fields):
    return instructor.post(f"{pages}/api/created", fill(instructor, pages, **fields))


def list_keys(engine, mentor):
    return engine.keys.list(mentor.organization_id, mentor.id)


def test_empty_list_explains_and_leads_on(instructor, pages):
    page = instructor.get(f"{pages}/api")

    assert "No keys yet" in page.text
    assert "Create New" in page.text
    assert 'href="/api/v1/docs" target="_blank"' in page.text


def test_form_offers_thirty_days(instructor, pages):
    page = instructor.get(f"{pages}/api/new").text

    today = now().date()
    assert f'value="{(today + timedelta(days=30)).isoformat()}"' in page
    assert f'min="{today.isoformat()}"' in page
    assert f'max="{(today + timedelta(days=365)).isoformat()}"' in page
    assert "never" not in page.casefold().replace("never in", "")


def test_key_is_shown_once_and_works(app, engine, mentor, instructor, pages):
    page = create(instructor, pages)
    text = KEY.search(page.text)[0]

    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert f"MENTORAI_API_KEY={text}" in page.text
    assert f"$env:MENTORAI_API_KEY = &#39;{text}&#39;" in page.text
    answer = app.test_client().get("/api/v1/key", headers={"Authorization": f"Api-Token {text}"})
    assert answer.status_code == 200
    [key] = list_keys(engine, mentor)
    assert key.name == SEED_NAME
    assert not KEY.search(instructor.get(f"{pages}/api").text)
    assert instructor.get(f"{pages}/api/created").status_code == 410


def test_name_comes_back_unchanged(instructor, pages):
    create(instructor, pages)

    assert SEED_NAME in instructor.get(f"{pages}/api").text


def test_form_sent_twice_makes_one_key(engine, mentor, instructor, pages):
    given = fill(instructor, pages)
    first = instructor.post(f"{pages}/api/created", given)

    second = instructor.post(f"{pages}/api/created", given)

    assert KEY.search(first.text)
    assert second.status_code == 409
    assert not KEY.search(second.text)
    assert len(list_keys(engine, mentor)) == 1


def test_name_that_is_taken_is_refused_whatever_its_case(engine, mentor, instructor, pages):
    create(instructor, pages, name="Dashboard")

    page = create(instructor, pages, name="DASHBOARD")

    assert page.status_code == 422
    assert "There is a key with this name already." in page.text
    # On a telephone what is wrong may be several screens below what says so.
    assert page.text.index('href="#name-wrong-1"') < page.text.index('id="name-wrong-1"')
    assert 'value="DASHBOARD"' in page.text
    assert len(list_keys(engine, mentor)) == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "1 to 100 characters"),
        ({"name": " \t "}, "1 to 100 characters"),
        ({"name": "x" * 101}, "1 to 100 characters"),
        ({"scopes": []}, "At least one scope"),
        ({"scopes": ["everything:write"]}, "There is no such scope"),
        ({"last_day": "2020-01-01"}, "This lies in the past."),
        ({"last_day": "9999-12-31"}, "At most 365 days"),
        ({"last_day": "9999-12-31", "time_zone": "America/New_York"}, "date is too far away"),
        ({"last_day": "soon"}, "Choose a date"),
        ({"last_day": ""}, "Choose a date"),
        ({"never": "yes"}, "Here every key must have a last day."),
    ],
)
def test_wrong_form_says_what_is_wrong(engine, mentor, instructor, pages, fields, sentence):
    page = create(instructor, pages, **fields)

    assert page.status_code == 422
    assert sentence in html.unescape(page.text)
    assert not list_keys(engine, mentor)


def test_hostile_name_is_harmless(instructor, pages):
    page = create(instructor, pages, name='"><script>alert(1)</script>')
    listed = instructor.get(f"{pages}/api")

    for answer in (page, listed):
        assert "<script>alert" not in answer.text


def test_template_ticks_its_scopes_and_keeps_what_was_written(instructor, pages):
    given = fill(instructor, pages, name="Sync", template="Grade sync")

    page = instructor.post(f"{pages}/api/new", given).text

    ticked = re.findall(r'name="scopes" value="([^"]+)" id="[^"]+" checked', page)
    assert ticked == ["quizzes:read", "grades:read", "grades:write"]
    assert 'value="Sync"' in page
    assert f'value="{given["once"]}"' in page


def test_last_day_ends_where_its_maker_lives(engine, mentor, instructor, pages):
    day = (now() + timedelta(days=10)).date()

    create(instructor, pages, last_day=day.isoformat(), time_zone="Asia/Tokyo")

    [key] = list_keys(engine, mentor)
    assert key.expires_at == datetime(day.year, day.month, day.day, 14, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["", "Nowhere/City", "../../etc/passwd", "\x00", "x" * 300])
def test_unknown_zone_is_utc(engine, mentor, instructor, pages, zone):
    day = (now() + timedelta(days=3)).date()

    create(instructor, pages, last_day=day.isoformat(), time_zone=zone)

    [key] = list_keys(engine, mentor)
    assert key.expires_at == datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)


def test_key_stops_and_works_again(engine, mentor, instructor, pages):
    create(instructor, pages)
    [key] = list_keys(engine, mentor)

    stopped = instructor.follow(instructor.post(f"{pages}/api/{key.id}/deactivate"))
    state = list_keys(engine, mentor)[0].state
    again = instructor.follow(instructor.post(f"{pages}/api/{key.id}/activate"))

    assert state == "inactive"
    assert "Inactive</span>" in stopped.text
    assert "Active</span>" in again.text


def test_key_is_deleted_after_a_question(engine, mentor, instructor, pages):
    create(instructor, pages)
    [key] = list_keys(engine, mentor)

    question = instructor.get(f"{pages}/api/{key.id}/delete")
    doubted = instructor.post(f"{pages}/api/{key.id}/delete", {"name": "another"})
    still = list_keys(engine, mentor)
    typed = {"name": SEED_NAME.replace("‑", "-")}
    gone = instructor.follow(instructor.post(f"{pages}/api/{key.id}/delete", typed))

    assert SEED_NAME in question.text
    assert doubted.status_code == 422
    assert "This is not the name of the key." in doubted.text
    assert still
    assert "The key is deleted." in gone.text
    assert not list_keys(engine, mentor)


def test_key_of_another_mentor_is_not_found(engine, organization, instructor, pages):
    other = engine.mentors.add(organization.id, "Statistics")
    key = engine.keys.issue(
        organization.id, other.id, name="K", scopes=["chat:write"], expires_at=None, author="test"
    ).key
    instructor.get(f"{pages}/api")

    for act in ("deactivate", "activate", "delete", "rotate"):
        assert instructor.post(f"{pages}/api/{key.id}/{act}").status_code == 404
    assert engine.keys.get(organization.id, other.id, key.id).state == "active"


def test_key_made_in_the_admin_names_its_maker(engine, mentor, instructor, pages, session):
    create(instructor, pages)

    assert list_keys(engine, mentor)[0].author == f"person:{session.person_id}"


def test_key_is_rotated_and_the_new_one_shown_once(app, engine, mentor, instructor, pages):
    create(instructor, pages)
    [old] = list_keys(engine, mentor)
    question = instructor.get(f"{pages}/api/{old.id}/rotate")

    page = instructor.post(f"{pages}/api/{old.id}/rotate", {"overlap_seconds": "3600"})
    again = instructor.post(f"{pages}/api/{old.id}/rotate", {"overlap_seconds": "3600"})

    text = KEY.search(page.text)[0]
    assert 'value="86400" id="overlap-86400" checked' in question.text
    assert page.headers["Cache-Control"] == "no-store"
    assert again.status_code == 409
    assert not KEY.search(again.text)
    answer = app.test_client().get("/api/v1/key", headers={"X-API-Key": text})
    assert answer.json["name"] == SEED_NAME
    assert instructor.get(f"{pages}/api").text.count(">Replaced<") == 1


@pytest.mark.parametrize("overlap", ["", "2", "-1", "x" * 500])
def test_overlap_that_is_not_offered_is_refused(engine, mentor, instructor, pages, overlap):
    create(instructor, pages)
    [old] = list_keys(engine, mentor)

    page = instructor.post(f"{pages}/api/{old.id}/rotate", {"overlap_seconds": overlap})

    assert page.status_code == 422
    assert len(list_keys(engine, mentor)) == 1


def test_settings_are_duplicated(engine, mentor, instructor, pages):
    create(instructor, pages, allowed_ips="10.0.0.0/8\n192.0.2.1", rate_limit="5")
    [key] = list_keys(engine, mentor)

    page = instructor.get(f"{pages}/api/new?like={key.id}").text

    assert f'value="{SEED_NAME} (2)"' in page
    assert "10.0.0.0/8\n192.0.2.1/32</textarea>" in page
    assert (
        'id="rate_limit" name="rate_limit" inputmode="numeric" autocomplete="off" value="5"' in page
    )


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("allowed_ips", "10.0.0.0/40", "Number 1 is no address"),
        ("rate_limit", "many", "A whole number"),
        ("rate_limit", "0", "1 to "),
        ("monthly_quota", "٣", "A whole number"),
    ],
)
def test_wrong_limit_is_said_beside_its_field(instructor, pages, field, value, sentence):
    page = create(instructor, pages, **{field: value})

    assert page.status_code == 422
    assert sentence in page.text
    assert f'id="{field}-wrong-1"' in page.text


def test_use_is_shown_as_a_plot_and_as_tables(engine, mentor, instructor, pages):
    page = create(instructor, pages, monthly_quota="5000")
    text = KEY.search(page.text)[0]
    for _ in range(3):
        engine.check_key(text, scope=None, address="192.0.2.9", route="GET /key")
    [key] = list_keys(engine, mentor)

    shown = instructor.get(f"{pages}/api/{key.id}").text

    assert shown.count("<rect ") == 1
    assert "3 calls" in shown
    assert "at most 5,000; 3 so far this month" in shown
    assert "<code>GET /key</code>" in shown
    assert "192.0.2.9" in shown


def test_history_tells_who_did_what_also_of_deleted_keys(engine, mentor, instructor, pages):
    create(instructor, pages)
    [key] = list_keys(engine, mentor)
    engine.keys.delete(mentor.organization_id, mentor.id, key.id, "command line")

    page = instructor.get(f"{pages}/api/history").text

    assert SEED_NAME in page
    assert "Prof. Lee" in page
    assert page.index(">Deleted<") < page.index(">Made<")


def test_key_that_ends_soon_is_marked(instructor, pages):
    create(instructor, pages, last_day=str((now() + timedelta(days=3)).date()))

    page = instructor.get(f"{pages}/api").text

    assert "1 key ends soon." in page
    assert 'class="badge warn">in ' in page


def test_policy_decides_what_the_form_offers(instructor, it_person, pages):
    it_person.get("/admin/keys/policy")
    given = {"max_days": "10", "scopes": ["chat:write", "mentors:provision"]}
    saved = it_person.follow(it_person.post("/admin/keys/policy", given))

    page = instructor.get(f"{pages}/api/new").text

    assert "Saved." in saved.text
    assert re.findall(r'name="scopes" value="([^"]+)"', page) == ["chat:write"]
    assert f'max="{(now() + timedelta(days=10)).date().isoformat()}"' in page


@pytest.mark.parametrize("days", ["", "0", "ten", "9" * 400])
def test_policy_without_sense_is_not_saved(engine, it_person, days):
    it_person.get("/admin/keys/policy")

    page = it_person.post("/admin/keys/policy", {"max_days": days, "scopes": ["chat:write"]})

    assert page.status_code == 422
    assert engine.keys.policies.get(engine.organizations.get().id).max_days == 365


@pytest.mark.parametrize("path", ["", "/new", "/policy", "/history"])
def test_keys_of_the_organization_are_campus_its_alone(app, instructor, session, path):
    assert instructor.get(f"/s/{session.id}/admin/keys{path}").status_code == 404
    assert app.test_client().get(f"/admin/keys{path}").status_code == 303


def test_campus_it_makes_a_provisioning_key(app, engine, organization, it_person):
    page = it_person.get("/admin/keys/new").text
    given = {
        "once": re.search(r'name="once" value="([^"]+)"', page)[1],
        "last_day": re.search(r'name="last_day" value="([^"]+)"', page)[1],
        "scopes": ["mentors:provision"],
        "name": "Semester",
    }

    made = it_person.post("/admin/keys/created", given)

    text = KEY.search(made.text)[0]
    answer = app.test_client().get("/api/v1/key", headers={"X-API-Key": text})
    assert (answer.json["kind"], answer.json["mentor"]) == ("provisioning", None)
    assert "Semester" in it_person.get("/admin/keys").text
    [key] = engine.keys.list(organization.id, None)
    assert it_person.get(f"/admin/keys/{key.id}").status_code == 200
    assert "Made" in it_person.get("/admin/keys/history").text


def test_campus_it_makes_keys_too(engine, mentor, it_person):
    page = create(it_person, f"/admin/mentors/{mentor.slug}")

    assert KEY.search(page.text)
    assert list_keys(engine, mentor)[0].author.startswith("admin:")
