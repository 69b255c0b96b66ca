import pytest


def test_grade_has_the_shape_that_was_promised(api, grade, quiz, session):
    (found,) = api.get("/api/v1/grades").json["results"]

    assert found["id"] == grade.id
    assert found["user"] == {
        "id": session.person_id,
        "lms_user_id": "sub-1",
        "name": "Ada Lovelace",
    }
    assert found["quiz"] == quiz.id
    assert (found["score_given"], found["score_maximum"]) == (2, 2)
    assert (found["source"], found["release"]) == ("quiz", "released")
    assert found["sync"]["status"] in ("waiting", "not_linked")
    assert found["sync"].keys() >= {"attempts", "last_error", "sent_at", "platform_result"}
    assert api.get(f"/api/v1/grades/{grade.id}").json == found
    assert api.get("/api/v1/grades/latest").json == found


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("user=sub-1", 1),
        ("user=sub-2", 0),
        ("quiz=nothing", 0),
        ("sync_status=failed", 0),
        ("since=2020-01-01T00:00:00Z", 1),
        ("since=2999-01-01T00:00:00%2B02:00", 0),
    ],
)
def test_grades_are_filtered(api, grade, query, count):
    assert api.get(f"/api/v1/grades?{query}").json["count"] == count


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "since=0001-01-01T00:00:00%2B23:59",
        "since=9999-12-31T23:59:59-23:59",
        "after=0001-01-01T00:00:00.000000%2B23:59_00000000-0000-4000-8000-000000000000",
        "since=2026-01-01",
        "since=2026-01-01T00:00:00",
        "sync_status=lost",
        "usr=x",
    ],
)
def test_wrong_filter_is_refused(api, query):
    assert api.get(f"/api/v1/grades?{query}").status_code == 422


@pytest.mark.parametrize("since", ["2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00", "24:00"])
def test_instant_that_is_none_is_told_how_one_is_written(api, since):
    answer = api.get(f"/api/v1/grades?since={since}")

    assert "%2B for +" in answer.json["errors"]["since"][0]


def test_grade_is_put_right_by_hand(api, grade):
    answer = api.patch(f"/api/v1/grades/{grade.id}", json={"score_given": 1, "comment": "Half."})

    assert answer.status_code == 200
    assert (answer.json["score_given"], answer.json["score_maximum"]) == (1, 2)
    assert (answer.json["comment"], answer.json["source"]) == ("Half.", "instructor")
    assert (
        answer.json["submitted_at"] == api.get("/api/v1/grades").json["results"][0]["submitted_at"]
    )
    assert answer.json["id"] == grade.id


def test_grade_is_not_put_right_when_someone_else_was_faster(api, grade):
    where = f"/api/v1/grades/{grade.id}"
    seen = api.get(where).headers["ETag"]
    api.patch(where, json={"score_given": 1})

    answer = api.patch(where, json={"score_given": 0}, headers={"If-Match": seen})

    assert answer.status_code == 412
    assert api.get(where).json["score_given"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"score_given": -1},
        {"score_given": 1e10},
        {"score_given": "full"},
        {"score_maximum": 0},
        {"comment": "x" * 2001},
        {"user": "someone else"},
    ],
    ids=str,
)
def test_wrong_grade_is_refused(api, grade, body):
    answer = api.patch(f"/api/v1/grades/{grade.id}", json=body)

    assert answer.status_code == 422
    assert api.get("/api/v1/grades/latest").json["score_given"] == 2


def test_grade_is_sent_again(api, grade):
    answer = api.post(f"/api/v1/grades/{grade.id}/sync")

    assert answer.status_code == 202
    assert answer.json["id"] == grade.id


def test_grade_that_is_not_there_is_not_found(api):
    for method, where in (("get", ""), ("patch", ""), ("post", "/sync")):
        json = {"score_given": 1} if method == "patch" else None
        assert getattr(api, method)(f"/api/v1/grades/nothing{where}", json=json).status_code == 404
