import csv

import pytest

SUBJECTS = ("overview", "conversations", "users", "topics", "tools", "progress")


@pytest.fixture
def asked(engine, dataset, session):
    list(engine.ask(session, "Where is the scar?"))


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"analytics_minimum_people": 1})


def test_message_is_counted_at_once(api, engine, session, asked):
    before = api.get("/api/v1/analytics/overview").json["total"]
    list(engine.ask(session, "And how high is the water?"))
    after = api.get("/api/v1/analytics/overview").json["total"]

    assert (before["messages"], after["messages"]) == (1, 2)
    assert (after["people"], after["visits"]) == (1, 1)


def test_answer_says_of_which_days_and_whose(api, asked):
    query = "start_date=2026-03-01&end_date=2026-03-31&time_zone=Europe/Madrid&group_by=week"

    told = api.get(f"/api/v1/analytics/conversations?{query}").json

    assert told["period"] == {
        "start_date": "2026-03-01",
        "end_date": "2026-03-31",
        "time_zone": "Europe/Madrid",
        "start": "2026-02-28T23:00:00Z",
        "end": "2026-03-31T22:00:00Z",
    }
    assert [one["group"] for one in told["results"]][:2] == ["2026-02-23", "2026-03-02"]
    assert (told["count"], told["minimum_people"]) == (6, 1)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_is_there_as_json_and_csv(api, asked, grade, subject):
    told = api.get(f"/api/v1/analytics/{subject}")
    sheet = api.get(f"/api/v1/analytics/{subject}?format=csv")

    assert told.status_code == 200
    assert sheet.mimetype == "text/csv"
    head, *lines = csv.reader(sheet.text.splitlines())
    assert head == ["group", "label", *told.json["total"]]
    assert len(lines) == told.json["count"] > 0


@pytest.mark.parametrize(
    ("name", "cell"), [("=cmd()", "'=cmd()"), ("Tides;=cmd()", "Tides;=cmd()")]
)
def test_cell_that_would_be_a_formula_is_a_text(api, engine, mentor, dataset, session, name, cell):
    engine.datasets.rename(mentor.organization_id, mentor.id, dataset.id, name)
    list(engine.ask(session, "Where is the scar?"))

    sheet = api.get("/api/v1/analytics/topics?format=csv").text

    # In quotes: where semicolons divide the cells, it is one all the same.
    assert f'"{dataset.id}","{cell}",' in sheet


def test_unchanged_numbers_are_not_sent_again(api, asked):
    first = api.get("/api/v1/analytics/overview")

    again = api.get("/api/v1/analytics/overview", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.text) == (304, "")


@pytest.mark.parametrize(
    "query",
    [
        "date_filter=yesterday",
        "start_date=1.1.2026",
        "start_date=20260101",
        "start_date=1767225600",
        "start_date=2026-01-01T00:00:00",
        "end_date=2026-01-01",
        "group_by=person",
        "time_zone=Mars",
        "format=xml",
        "date_filter=7d&start_date=2026-01-01",
    ],
)
def test_wrong_question_is_refused(api, query):
    assert api.get(f"/api/v1/analytics/users?{query}").status_code == 422
