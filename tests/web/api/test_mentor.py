import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.fakes.platforms import running_app


def test_mentor_is_the_keys_own(api, mentor):
    answer = api.get("/api/v1/mentor")

    assert answer.json["unique_id"] == mentor.id
    assert answer.json["display_name"] == "Tidal Pools"
    assert answer.json["system_prompt"] == mentor.system_prompt
    assert answer.headers["ETag"]


def test_change_touches_only_what_it_names(api, mentor):
    answer = api.patch("/api/v1/mentor", json={"description": "Life between the tides."})

    assert answer.status_code == 200
    assert answer.json["description"] == "Life between the tides."
    assert answer.json["system_prompt"] == mentor.system_prompt
    assert answer.json["prompt_version"] == 1


def test_changed_system_prompt_is_a_new_version_signed_by_the_key(api):
    api.patch("/api/v1/mentor", json={"system_prompt": "Be brief."})

    answer = api.get("/api/v1/mentor/prompts")

    assert [version["version"] for version in answer.json["results"]] == [2, 1]
    assert answer.json["results"][0]["system_prompt"] == "Be brief."
    assert answer.json["results"][0]["author"] == "API key Key 1"


def test_old_system_prompt_can_be_restored(api, mentor):
    api.patch("/api/v1/mentor", json={"system_prompt": "Be brief."})

    answer = api.post("/api/v1/mentor/prompts/1/restore")

    assert answer.json["system_prompt"] == mentor.system_prompt
    assert answer.json["prompt_version"] == 3


def test_unknown_version_is_not_found(api):
    assert api.post("/api/v1/mentor/prompts/99/restore").status_code == 404


def test_change_is_refused_when_someone_else_was_faster(api):
    seen = api.get("/api/v1/mentor").headers["ETag"]
    api.patch("/api/v1/mentor", json={"description": "theirs"})

    answer = api.patch("/api/v1/mentor", json={"description": "ours"}, headers={"If-Match": seen})

    assert (answer.status_code, answer.json["code"]) == (412, "precondition_failed")
    assert api.get("/api/v1/mentor").json["description"] == "theirs"


def test_restoring_is_refused_when_someone_else_was_faster(api):
    seen = api.get("/api/v1/mentor").headers["ETag"]
    api.patch("/api/v1/mentor", json={"system_prompt": "theirs"})

    answer = api.post("/api/v1/mentor/prompts/1/restore", headers={"If-Match": seen})

    assert (answer.status_code, answer.json["code"]) == (412, "precondition_failed")
    assert api.get("/api/v1/mentor").json["system_prompt"] == "theirs"


def test_prompts_name_the_state_that_a_restored_one_is_to_follow(api):
    api.patch("/api/v1/mentor", json={"system_prompt": "Be brief."})
    seen = api.get("/api/v1/mentor/prompts").headers["ETag"]
    again = api.get("/api/v1/mentor/prompts", headers={"If-None-Match": seen})

    restored = api.post("/api/v1/mentor/prompts/1/restore", headers={"If-Match": seen})
    once_more = api.post("/api/v1/mentor/prompts/2/restore", headers={"If-Match": seen})

    assert (again.status_code, again.text) == (304, "")
    assert (restored.status_code, once_more.status_code) == (200, 412)
    assert api.get("/api/v1/mentor/prompts").headers["ETag"] == restored.headers["ETag"]


def test_change_is_taken_when_nobody_was_faster(api):
    seen = api.get("/api/v1/mentor").headers["ETag"]

    answer = api.patch("/api/v1/mentor", json={"description": "ours"}, headers={"If-Match": seen})

    assert answer.status_code == 200
    assert answer.headers["ETag"] != seen


def change_at_once(app, key: str, bodies: Sequence[Mapping[str, str]], **headers: str) -> Counter:
    """PATCH the mentor with each of these at the same moment: status -> how many."""
    together = threading.Barrier(len(bodies))
    sent = {"X-API-Key": key, "Content-Type": "application/json"} | headers

    def change(address: str, body: Mapping[str, str]) -> int:
        connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
        together.wait(60)
        connection.request("PATCH", "/api/v1/mentor", json.dumps(body), sent)
        status = connection.getresponse().status
        connection.close()
        return status

    with running_app(app) as address, ThreadPoolExecutor(len(bodies)) as pool:
        return Counter(pool.map(change, [address] * len(bodies), bodies))


def test_one_of_many_who_saw_the_same_state_changes_it(app, api, key):
    seen = api.get("/api/v1/mentor").headers["ETag"]
    bodies = [{"description": f"the {number}th"} for number in range(12)]

    answers = change_at_once(app, key, bodies, **{"If-Match": seen})

    assert answers == {200: 1, 412: 11}


def test_prompts_that_are_changed_at_once_are_a_version_each(app, api, key):
    answers = change_at_once(app, key, [{"system_prompt": f"Prompt {n}"} for n in range(12)])

    kept = api.get("/api/v1/mentor/prompts").json["results"]
    assert answers == {200: 12}
    assert [each["version"] for each in kept] == list(range(13, 0, -1))
    assert api.get("/api/v1/mentor").json["system_prompt"] == kept[0]["system_prompt"]


def test_mentor_is_not_sent_again_to_who_has_it(api):
    seen = api.get("/api/v1/mentor").headers["ETag"]

    answer = api.get("/api/v1/mentor", headers={"If-None-Match": seen})

    assert answer.status_code == 304
    assert answer.data == b""


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"display_name": ""}, "display_name"),
        ({"display_name": "x" * 101}, "display_name"),
        ({"display_name": "a\nb"}, "display_name"),
        ({"display_name": 7}, "display_name"),
        ({"system_prompt": "x" * 20_001}, "system_prompt"),
        ({"suggested_prompts": "no list"}, "suggested_prompts"),
        ({"suggested_prompts": ["x"] * 9}, "suggested_prompts"),
        ({"slug": "other"}, "slug"),
        ({"<script>": 1}, "unknown"),
    ],
    ids=str,
)
def test_wrong_change_names_its_field_and_repeats_nothing(api, body, field):
    answer = api.patch("/api/v1/mentor", json=body)

    assert answer.status_code == 422
    assert answer.json["errors"].keys() == {field}
    assert "<script>" not in answer.text
    assert "xxx" not in answer.text


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code"),
    [
        (b"{}", "text/plain", 415, "media_type_unsupported"),
        (b"{}", None, 415, "media_type_unsupported"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "media_type_unsupported"),
        (b"", "application/json", 400, "bad_request"),
        (b"{", "application/json", 400, "bad_request"),
        (b'{"description": NaN}', "application/json", 400, "bad_request"),
        (b'{"description": "\xff"}', "application/json", 400, "bad_request"),
        (b'{"description": "\\u0000"}', "application/json", 400, "bad_request"),
        (b'{"description": "\\ud800"}', "application/json", 400, "bad_request"),
        (b"[" * 100_000, "application/json", 400, "bad_request"),
        (b"1" * 10_000, "application/json", 400, "bad_request"),
        (b"[]", "application/json", 422, "validation_failed"),
        (b'"{}"', "application/json", 422, "validation_failed"),
        (b"null", "application/json", 422, "validation_failed"),
        (b'{"description": "' + b"x" * 1_100_000 + b'"}', "application/json", 413, "too_large"),
    ],
    ids=range(15),
)
def test_wrong_body_is_refused_before_it_is_read_as_a_change(api, data, content_type, status, code):
    answer = api.patch("/api/v1/mentor", data=data, content_type=content_type)

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert ("is not JSON" in answer.json["detail"]) == (status == 400)


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("/chat", ["application/json"]),
        ("/datasets", ["multipart/form-data", "application/json"]),
        ("/enrollments/bulk", ["text/csv", "application/json"]),
    ],
)
def test_body_that_is_sent_as_a_form_is_told_what_it_may_be(api, path, kinds):
    """As `curl -d` sends it, where no kind is named."""
    answer = api.post(f"/api/v1{path}", data={"prompt": "What is a keystone species?"})

    assert (answer.status_code, answer.json["code"]) == (415, "media_type_unsupported")
    assert answer.json["detail"] == f"Send the body with `Content-Type: {'` or `'.join(kinds)}`."


def test_escaped_characters_that_are_text_are_taken(api):
    body = b'{"description": "\\ud83d\\ude00 \\\\u0000"}'

    answer = api.patch("/api/v1/mentor", data=body, content_type="application/json")

    assert answer.json["description"] == "\U0001f600 \\u0000"


@pytest.mark.parametrize("query", ["page=0", "page=x", "page_size=201", "page=99999999999", "x=1"])
def test_wrong_page_is_refused(api, query):
    assert api.get(f"/api/v1/mentor/prompts?{query}").status_code == 422


def test_list_names_its_neighbours(api):
    for number in range(4):
        api.patch("/api/v1/mentor", json={"system_prompt": f"Version {number}"})

    answer = api.get("/api/v1/mentor/prompts?page=2&page_size=2")

    base = "http://localhost:8000/api/v1/mentor/prompts?page_size=2&page="
    assert answer.json["count"] == 5
    assert [one["version"] for one in answer.json["results"]] == [3, 2]
    assert (answer.json["next"], answer.json["previous"]) == (base + "3", base + "1")
    assert answer.headers["Link"] == f'<{base}3>; rel="next", <{base}1>; rel="prev"'


def test_difference_shows_what_a_version_changed(api):
    before = api.get("/api/v1/mentor").json
    api.patch("/api/v1/mentor", json={"system_prompt": "Be kind.\nBe short."})
    api.patch("/api/v1/mentor", json={"system_prompt": "Be kind.\nBe long."})

    last = api.get("/api/v1/mentor/prompts/3/diff").json
    first = api.get("/api/v1/mentor/prompts/1/diff").json
    chosen = api.get("/api/v1/mentor/prompts/1/diff?against=3").json

    assert (last["version"], last["against"]) == (3, 2)
    assert last["difference"].splitlines()[1:] == [" Be kind.", "-Be short.", "+Be long."]
    assert first["against"] is None
    assert "+" + before["system_prompt"].splitlines()[0] in first["difference"]
    assert "-Be long." in chosen["difference"]


@pytest.mark.parametrize("address", ["9/diff", "1/diff?against=9"])
def test_difference_of_no_version_is_not_found(api, address):
    assert api.get(f"/api/v1/mentor/prompts/{address}").status_code == 404
