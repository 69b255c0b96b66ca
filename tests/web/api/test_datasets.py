import io

import pytest
import responses

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings

TEXT = {"name": "Kelp.md", "text": "# Kelp\n\nKelp holds on with a holdfast.\n"}


def upload(client, content: bytes, filename: str = "Kelp.md", media_type: str = "", **fields):
    file = (io.BytesIO(content), filename, *([media_type] if media_type else []))
    return client.post("/api/v1/datasets", data={"file": file} | fields)


def test_text_becomes_a_dataset_that_answers(api):
    made = api.post("/api/v1/datasets", json=TEXT)

    answer = api.post("/api/v1/chat", json={"prompt": "What does kelp hold on with?"})

    assert made.status_code == 201
    assert made.json["training_status"] == "trained"
    assert made.json["passages"] == 1
    assert "holdfast" in answer.json["reply"]


def test_file_becomes_a_dataset(api):
    made = upload(api, b"# Kelp\n\nKelp holds on with a holdfast.\n")

    assert made.status_code == 201
    assert (made.json["name"], made.json["media_type"]) == ("Kelp.md", "text/markdown")


def test_file_may_be_given_another_name(api):
    assert upload(api, b"Kelp holds on.", "x.txt", name="Kelp.txt").json["name"] == "Kelp.txt"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"access": "private"}, "access"),
        ({"<script>": "x"}, "unknown"),
        ({"name": ["a.md", "b.md"]}, "name"),
        ({"name": (io.BytesIO(b"a"), "a.md")}, "name"),
        ({"attachment": (io.BytesIO(b"a"), "a.md")}, "attachment"),
        ({"file": [(io.BytesIO(b"a"), "a.md"), "text"]}, "file"),
    ],
    ids=["a field", "no name for one", "two names", "a file as name", "a file", "a text as file"],
)
def test_part_that_is_not_known_is_named_and_not_passed_over(api, fields, named):
    data = {"file": (io.BytesIO(b"Kelp holds on."), "Kelp.md")} | fields

    answer = api.post("/api/v1/datasets", data=data, content_type="multipart/form-data")

    assert (answer.status_code, answer.json["errors"].keys()) == (422, {named})
    assert api.get("/api/v1/datasets").json["count"] == 0


def test_same_document_again_changes_nothing(api):
    first = api.post("/api/v1/datasets", json=TEXT)

    second = api.post("/api/v1/datasets", json=TEXT)

    assert second.status_code == 200
    assert second.json["unchanged"] is True
    assert second.json["id"] == first.json["id"]


def test_document_of_the_same_name_replaces_the_old_one(api):
    api.post("/api/v1/datasets", json=TEXT)
    api.post("/api/v1/datasets", json=TEXT | {"text": "# Kelp\n\nKelp has no roots.\n"})

    (passage,) = api.get("/api/v1/datasets/latest/passages").json["results"]

    assert api.get("/api/v1/datasets").json["count"] == 1
    assert "no roots" in passage["text"]


def test_dataset_is_renamed_and_removed(api, dataset):
    where = f"/api/v1/datasets/{dataset.id}"

    renamed = api.patch(where, json={"name": "Shore.md"})
    removed = api.delete(where)

    assert renamed.json["name"] == "Shore.md"
    assert removed.status_code == 204
    assert api.get(where).status_code == 404
    assert api.get("/api/v1/search?q=limpet").json["results"] == []


def test_search_finds_the_passage(api, dataset):
    (first, *_) = api.get("/api/v1/search?q=limpet scar&limit=2").json["results"]

    assert first["heading"] == "Limpets"
    assert first["dataset"] == dataset.id
    assert 0 < first["matched"] <= 1


def test_passage_is_read_where_search_says(api, dataset):
    (first, *_) = api.get("/api/v1/search?q=limpet scar").json["results"]

    passage = api.get(first["url"].removeprefix("http://localhost:8000")).json

    assert passage == {name: first[name] for name in passage}


def test_passage_of_another_document_is_not_found(api, dataset):
    other = api.post("/api/v1/datasets", json=TEXT).json["id"]
    (passage, *_) = api.get(f"/api/v1/datasets/{dataset.id}/passages").json["results"]

    assert api.get(f"/api/v1/datasets/{other}/passages/{passage['id']}").status_code == 404


@pytest.mark.parametrize("query", ["", "q=", "q=x&limit=0", "q=x&limit=51", "q=x&limit=x"])
def test_wrong_search_is_refused(api, query):
    assert api.get(f"/api/v1/search?{query}").status_code == 422


@pytest.mark.parametrize(
    "q", ['" OR', "a AND NOT b*", "(((", "'; --", "NEAR/3", "col:x", "^", "\ufeff"]
)
def test_any_search_is_answered(api, dataset, q):
    assert api.get("/api/v1/search", query_string={"q": q}).status_code == 200


def test_empty_search_is_not_a_matter_of_nul(api):
    assert api.get("/api/v1/search?q=%00").status_code == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        (TEXT | {"name": ""}, 422),
        (TEXT | {"name": "x" * 301}, 422),
        (TEXT | {"name": "a\nb"}, 422),
        (TEXT | {"text": ""}, 422),
        (TEXT | {"text": "   "}, 422),
        (TEXT | {"text": 7}, 422),
        (TEXT | {"url": "https://example.edu"}, 422),
        (TEXT | {"media_type": "application/pdf"}, 415),
        (TEXT | {"media_type": "nonsense"}, 415),
    ],
    ids=str,
)
def test_wrong_text_is_refused_and_nothing_is_kept(api, body, status):
    answer = api.post("/api/v1/datasets", json=body)

    assert answer.status_code == status
    assert api.get("/api/v1/datasets").json["count"] == 0


@pytest.mark.parametrize(
    ("content", "name", "media_type", "status"),
    [
        (b"", "Kelp.md", "", 422),
        (b"Kelp.", "Kelp.pdf", "application/pdf", 415),
        (b"\x89PNG\r\n\x1a\n", "Kelp.png", "image/png", 415),
        (b"\x00\x01\x02", "Kelp", "", 415),
        (b"kelp", "", "", 422),
    ],
)
def test_wrong_file_is_refused_and_nothing_is_kept(api, content, name, media_type, status):
    answer = upload(api, content, name, media_type)

    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert api.get("/api/v1/datasets").json["count"] == 0


def test_form_without_a_file_is_refused(api):
    answer = api.post("/api/v1/datasets", data={"name": "x"}, content_type="multipart/form-data")

    assert answer.status_code == 422
    assert answer.json["errors"].keys() == {"file"}


def test_two_files_in_one_form_are_refused_so_that_none_is_lost(api):
    files = [(io.BytesIO(b"kelp"), "kelp.txt"), (io.BytesIO(b"crabs"), "crabs.txt")]

    answer = api.post("/api/v1/datasets", data={"file": files})

    assert (answer.status_code, answer.json["errors"].keys()) == (422, {"file"})
    assert api.get("/api/v1/datasets").json["count"] == 0


@pytest.mark.parametrize(
    ("data", "content_type"),
    [(b"kelp", "text/markdown"), (b"a=b", "application/x-www-form-urlencoded"), (b"", None)],
)
def test_other_kinds_of_body_are_refused(api, data, content_type):
    answer = api.post("/api/v1/datasets", data=data, content_type=content_type)

    assert (answer.status_code, answer.json["code"]) == (415, "media_type_unsupported")


def test_broken_multipart_is_refused(api):
    answer = api.post(
        "/api/v1/datasets", data=b"--x\r\nnonsense", content_type="multipart/form-data; boundary=x"
    )

    assert answer.status_code in (400, 422)


def test_document_that_is_too_large_is_refused(data_dir):
    from mentorai.web.app import create_app

    engine = Engine.open(Settings(data_dir=data_dir, upload_bytes=1000), plugins=[])
    organization_id = engine.organizations.get().id
    mentor = engine.mentors.add(organization_id, "Tidal Pools")
    key = engine.keys.issue(
        organization_id,
        mentor.id,
        name="Test",
        scopes=["datasets:write"],
        expires_at=None,
        author="test",
    )
    client = create_app(engine).test_client()
    client.environ_base["HTTP_X_API_KEY"] = key.text

    small, text, file, huge = (
        upload(client, b"x " * 400),
        client.post("/api/v1/datasets", json={"name": "a.md", "text": "x " * 600}),
        upload(client, b"x " * 600),
        client.post(
            "/api/v1/datasets",
            data=b"x" * 2_000_000,
            content_type="multipart/form-data; boundary=x",
        ),
    )
    engine.close()

    assert small.status_code == 201
    assert (text.status_code, text.json["code"]) == (413, "document_too_large")
    assert (file.status_code, file.json["code"]) == (413, "document_too_large")
    assert huge.status_code == 413


def test_hostile_markup_is_kept_as_text_only(api):
    api.post("/api/v1/datasets", json=TEXT | {"text": "# Kelp\n\nKelp <script>alert(1)</script>."})

    answer = api.get("/api/v1/datasets/latest/passages")

    assert answer.mimetype == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


LONG = b"# Whelk\n\n" + b"A whelk rests on the sand at low tide. " * 2_700


def test_long_document_waits_and_is_trained_by_the_worker(api, engine):
    made = upload(api, LONG)
    engine.trainings.train_due()

    done = api.get(f"/api/v1/datasets/{made.json['id']}").json

    assert (made.status_code, made.json["training_status"]) == (201, "pending")
    assert (done["training_status"], done["error"]) == ("trained", "")
    assert api.get("/api/v1/search?q=whelk").json["results"]


def test_failed_document_says_why_and_can_be_trained_again(api, engine):
    made = upload(api, b"%PDF-1.7 broken", "a.pdf").json
    engine.trainings.train_due()

    failed = api.get(f"/api/v1/datasets/{made['id']}").json
    again = api.post(f"/api/v1/datasets/{made['id']}/train")

    assert failed["training_status"] == "failed"
    assert failed["error"] == "The PDF is broken and could not be read."
    assert (again.status_code, again.json["training_status"]) == (202, "pending")


@pytest.mark.parametrize("content", [b"caf\xe9 " * 30_000, b"PK\x03\x04" + b"a" * 200_000])
def test_long_document_that_is_no_text_is_refused_at_once(api, content):
    answer = upload(api, content)

    assert answer.json["code"] in ("document_unreadable", "document_unsupported")
    assert api.get("/api/v1/datasets").json["count"] == 0


ADDRESS = "http://127.0.0.1:9/course/Tides.md"


@responses.activate
def test_document_is_fetched_from_an_address_and_again_when_trained(api, engine):
    responses.get(ADDRESS, b"# Tides\n\nThe water falls.", content_type="text/markdown")
    made = api.post("/api/v1/datasets", json={"url": ADDRESS})
    responses.replace("GET", ADDRESS, b"# Tides\n\nThe water rises.")

    again = api.post(f"/api/v1/datasets/{made.json['id']}/train")
    (passage,) = api.get("/api/v1/datasets/latest/passages").json["results"]

    assert (made.status_code, made.json["name"], made.json["url"]) == (201, "Tides.md", ADDRESS)
    assert (again.status_code, again.json["id"]) == (202, made.json["id"])
    assert passage["text"] == "The water rises."


@pytest.mark.parametrize(
    "body",
    [{"url": "https://"}, {"url": ""}, {"url": 1}, {"url": ADDRESS, "text": "x"}, {"url": None}],
)
def test_address_that_is_none_is_refused(api, body):
    answer = api.post("/api/v1/datasets", json=body)

    assert (answer.status_code, answer.json["code"]) == (422, "validation_failed")
