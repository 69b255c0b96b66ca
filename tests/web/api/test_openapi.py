import re

import pytest
from openapi_spec_validator import validate

from mentorai.core.scopes import PROVISIONING_SCOPES, SCOPES
from mentorai.web.api import RESOURCES
from mentorai.web.api.resource import PREFIX


@pytest.fixture
def spec(client):
    return client.get(f"{PREFIX}/openapi.json").json


def operations(spec):
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_description_is_valid_openapi_3_1(spec):
    assert spec["openapi"].startswith("3.1.")
    validate(spec)


def test_description_has_every_route_of_the_api(app, spec):
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint.split(".")[0] in {module.api.name for module in RESOURCES}
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert {(path, method) for path, method, _ in operations(spec)} == routes


def test_short_paths_of_the_promise_exist(spec):
    promised = {"key", "mentor", "chat", "datasets", "grades", "search", "quizzes", "sessions"}

    assert {f"{PREFIX}/{path}" for path in promised} <= spec["paths"].keys()


def test_both_ways_to_send_a_key_are_described(spec):
    schemes = spec["components"]["securitySchemes"]

    assert (schemes["KeyAuth"]["type"], schemes["KeyAuth"]["scheme"]) == ("http", "bearer")
    assert (schemes["KeyHeader"]["in"], schemes["KeyHeader"]["name"]) == ("header", "X-API-Key")


def test_every_operation_says_what_it_needs_and_gives(spec):
    for path, method, operation in operations(spec):
        place = f"{method} {path}"
        assert operation["summary"], place
        assert operation["description"], place
        assert operation["tags"] != ["default"], place
        schemes = {name for way in operation["security"] for name in way}
        assert ({"KeyAuth", "KeyHeader"} <= schemes) == ("/api/v1/keys" not in path), place
        assert ("AdminToken" in schemes) == path.startswith((f"{PREFIX}/keys", f"{PREFIX}/mentors"))
        assert ("AdminPage" in schemes) == ("AdminToken" in schemes and method != "get"), place
        scopes = {
            scope for way in operation["security"] for needed in way.values() for scope in needed
        }
        assert scopes <= SCOPES.keys() | PROVISIONING_SCOPES.keys(), place
        assert {"401", "403", "422"} <= operation["responses"].keys(), place


def test_every_scope_opens_something(spec):
    named = {
        scope
        for _, _, operation in operations(spec)
        for way in operation["security"]
        for needed in way.values()
        for scope in needed
    }

    assert named == SCOPES.keys() | PROVISIONING_SCOPES.keys()


def test_every_failure_is_described_as_a_problem(spec):
    for path, method, operation in operations(spec):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (path, method)


def test_names_of_operations_are_unique(spec):
    names = [operation["operationId"] for _, _, operation in operations(spec)]

    assert len(names) == len(set(names))


def test_headers_of_answers_are_described(
    api, spec, engine, mentor, dataset, quiz, grade, session, enrolment, provisioning_key
):
    """Each that a call brings is there, and an ETag is brought wherever there is said to be one."""
    list(engine.ask(session, "Where is the scar?"))
    known = spec["components"]["headers"].keys()
    for path, method, operation in operations(spec):
        if method != "get" or _is_provisioning(operation) or _is_for_admins(operation):
            continue
        address, query = _fill(path, operation.get("parameters", []))
        answer = api.get(address, query_string=query)
        described = operation["responses"][str(answer.status_code)]["headers"].keys()
        assert known & answer.headers.keys() <= described, path
        assert ("ETag" in described) == ("ETag" in answer.headers), path
        assert {"X-Request-Id"} <= described & answer.headers.keys(), path


def test_headers_that_calls_take_are_described(spec):
    taken = {
        (operation["operationId"], one["name"])
        for _, _, operation in operations(spec)
        for one in operation.get("parameters", [])
        if one["in"] == "header"
    }
    posts = {one["operationId"] for _, method, one in operations(spec) if method == "post"}

    assert {name for name, header in taken if header == "Idempotency-Key"} == posts
    assert {name for name, header in taken if header == "If-Match"} == {
        "change_mentor",
        "put_mentor",
        "restore_prompt",
        "change_grade",
    }


def test_every_example_succeeds_as_it_stands(
    api,
    spec,
    engine,
    mentor,
    dataset,
    quiz,
    grade,
    session,
    enrolment,
    provisioning_key,
    admin_token,
):
    list(engine.ask(session, "Where is the scar?"))
    made = {}
    for path, method, operation in operations(spec):
        if method == "delete":
            continue
        address, query = _fill(path, operation.get("parameters", []))
        body = _example_body(spec, operation)
        answer = api.open(
            # A key is named; the call that made it came before.
            address.replace("{key_id}", made.get("id", "")),
            method=method.upper(),
            query_string=query,
            headers=_authorize(operation, provisioning_key, admin_token),
            **({"json": body} if body is not None else {}),
        )
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        made = answer.json if operation["operationId"] == "add_key" else made


def test_deletion_has_no_example_and_takes_no_word_for_the_newest(
    api, spec, dataset, quiz, admin_token
):
    deletions = [(path, one) for path, method, one in operations(spec) if method == "delete"]

    assert len(deletions) == 6
    for path, operation in deletions:
        (parameter,) = operation["parameters"]
        assert not {"example", "examples"} & (parameter.keys() | parameter["schema"].keys()), path
        latest = path.replace(f"{{{parameter['name']}}}", "latest")
        headers = _authorize(operation, "", admin_token)
        assert api.delete(latest, headers=headers).status_code == 404, path


def test_description_is_served_without_a_key_and_names_no_other_host(client):
    answer = client.get(f"{PREFIX}/openapi.json")

    assert answer.status_code == 200
    assert set(re.findall(r"https?://[^\"'\\\\/ ]+", answer.text)) <= {
        "http://localhost:8000",
        # The examples of a webhook and of a ticket lead to another system.
        "https://portal.example.edu",
    }


def test_page_loads_nothing_from_elsewhere_and_no_inline_script(client):
    answer = client.get(f"{PREFIX}/docs")

    assert "http" not in answer.text
    assert not re.search(r"<script(?![^>]*\ssrc=)", answer.text)
    assert "style=" not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


def test_every_file_of_the_page_is_there(client):
    page = client.get(f"{PREFIX}/docs").text

    for address in re.findall(r"(?:src|href)=\"([^\"]+)\"", page):
        with client.get(address) as answer:
            assert (address, answer.status_code) == (address, 200)


def test_folder_of_the_page_is_the_page_and_no_list_of_its_files(client):
    answer = client.get(f"{PREFIX}/docs/")

    assert (answer.status_code, answer.location) == (308, f"{PREFIX}/docs")


@pytest.mark.parametrize("name", ["nothing.js", "../__init__.py", "js/../../../__init__.py"])
def test_other_files_are_not_given_away(client, name):
    assert client.get(f"{PREFIX}/docs/{name}").status_code == 404


def _is_for_admins(operation: dict) -> bool:
    return not any("KeyAuth" in way for way in operation["security"])


def _authorize(operation: dict, provisioning_key: str, admin_token: str) -> dict[str, str]:
    """What an operation needs besides what the client sends."""
    if _is_for_admins(operation):
        return {"Authorization": f"Api-Token {admin_token}"}
    if _is_provisioning(operation):
        return {"Authorization": f"Api-Token {provisioning_key}"}
    return {}


def _is_provisioning(operation: dict) -> bool:
    named = [scope for way in operation["security"] for needed in way.values() for scope in needed]
    return "mentors:provision" in named


def _fill(path: str, parameters: list[dict]) -> tuple[str, dict[str, object]]:
    query = {}
    for parameter in parameters:
        schema = parameter["schema"]
        examples = schema.get("examples") or (
            [parameter["example"]] if "example" in parameter else []
        )
        if parameter["in"] == "path" and examples:
            path = path.replace(f"{{{parameter['name']}}}", str(examples[0]))
        elif parameter["in"] == "query" and parameter.get("required"):
            query[parameter["name"]] = examples[0]
    return path, query


def _example_body(spec: dict, operation: dict) -> dict | None:
    if "requestBody" not in operation:
        return None
    content = operation["requestBody"]["content"]["application/json"]
    if "example" in content:
        return content["example"]
    name = content["schema"]["$ref"].rpartition("/")[2]
    return spec["components"]["schemas"][name]["examples"][0]
