"""The collection runs whole in Postman's own runner, and snippets run as they are pasted.

newman and node are skipped where they are not installed, unless REQUIRE_NEWMAN says they must be.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest

from mentorai.web.api.examples import Example, read_examples
from mentorai.web.api.resource import PREFIX
from tests.fakes.platforms import free_port, running_app

LANGUAGES = ["curl", "Python", "JavaScript", "PHP"]


def find_program(name: str) -> str:
    """Where a program is."""
    found = shutil.which(name)
    if found is None and not os.environ.get("REQUIRE_NEWMAN"):
        pytest.skip(f"{name} is not installed")
    return found or name


@pytest.fixture
def served(app, engine, session, dataset, quiz, grade, enrolment) -> Iterator[str]:
    """Where the application is served, with something of every kind in it."""
    list(engine.ask(session, "Where is the scar?"))
    port = free_port()
    with running_app(app, port=port):
        # By its number: what localhost is differs between the programs that run the calls.
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def collection(client) -> dict:
    return client.get(f"{PREFIX}/postman.json").json


@pytest.fixture
def examples(client) -> Sequence[Example]:
    return read_examples(client.get(f"{PREFIX}/openapi.json").json)


@pytest.fixture
def samples(client) -> dict[str, dict[str, str]]:
    """Operation -> language -> the snippet."""
    spec = client.get(f"{PREFIX}/openapi.json").json
    return {
        operation["operationId"]: {
            one["label"]: one["source"] for one in operation["x-codeSamples"]
        }
        for item in spec["paths"].values()
        for operation in item.values()
    }


def test_collection_has_every_operation(collection, examples):
    items = [item for folder in collection["item"] for item in folder["item"]]

    assert collection["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert sorted(item["name"] for item in items) == sorted(one.summary for one in examples)


def test_collection_holds_no_key(collection):
    values = {one["key"]: one["value"] for one in collection["variable"]}

    assert values["api_key"] == values["provisioning_key"] == values["admin_token"] == ""


def test_what_is_deleted_is_made_by_another_call(examples):
    """An operation whose place has no example needs one that answers 201 with its id."""
    for one in examples:
        assert set(one.places) | set(one.made_by) == set(one.names), one.operation_id


def test_collection_runs_whole(served, collection, key, provisioning_key, admin_token, tmp_path):
    path, report = tmp_path / "collection.json", tmp_path / "report.json"
    path.write_text(json.dumps(collection), "utf-8")
    keys = {"api_key": key, "provisioning_key": provisioning_key, "admin_token": admin_token}
    given = {"base_url": served, **keys}

    done = subprocess.run(
        [
            *(find_program("newman"), "run", str(path), "--reporters", "json"),
            *("--reporter-json-export", str(report), "--timeout-request", "20000"),
            # A second time as well, a second later.
            *("--iteration-count", "2", "--delay-request", "20"),
            *(word for pair in given.items() for word in ("--env-var", "=".join(pair))),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    run = json.loads(report.read_text("utf-8"))["run"]
    failures = [
        f"{failure['source']['name']}: {failure['error']['message']}" for failure in run["failures"]
    ]
    assert (failures, done.returncode) == ([], 0)
    assert run["stats"]["requests"]["total"] == 2 * sum(len(f["item"]) for f in collection["item"])


def test_every_operation_has_a_snippet_in_every_language(samples):
    for operation, by_language in samples.items():
        assert list(by_language) == LANGUAGES, operation


def test_snippets_are_well_formed(samples):
    for snippets in samples.values():
        ast.parse(snippets["Python"])
        done = subprocess.run(
            [find_program("bash"), "-n"], input=snippets["curl"], text=True, check=False
        )
        assert done.returncode == 0, snippets["curl"]


def test_javascript_and_php_are_well_formed_to_their_own_readers(samples, tmp_path):
    """PHP's, where it is installed; node's, for all at once."""
    sources = [f"async () => {{ {by['JavaScript']} }}" for by in samples.values()]
    (tmp_path / "all.mjs").write_text(";\n".join(sources), "utf-8")
    readers = [[find_program("node"), "--check", "all.mjs"]]
    php = shutil.which("php")
    for number, by in enumerate(samples.values() if php else ()):
        (tmp_path / f"{number}.php").write_text(by["PHP"], "utf-8")
        readers.append([str(php), "-l", f"{number}.php"])

    for reader in readers:
        done = subprocess.run(reader, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("language", ["curl", "Python", "JavaScript"])
def test_snippet_does_what_it_says_when_it_is_pasted(
    language, client, samples, served, engine, mentor, key, quiz, dataset
):
    runners = {
        "curl": [find_program("bash"), "-c"],
        "Python": [sys.executable, "-c"],
        "JavaScript": [find_program("node"), "--input-type=module", "-e"],
    }
    environment = os.environ | {"MENTORAI_API_KEY": key, "QUIZ_ID": quiz.id}
    where = engine.settings.public_url
    said = []

    for operation in ("search", "ask", "delete_quiz"):
        source = samples[operation][language].replace(where, served)
        done = subprocess.run(
            [*runners[language], source],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)

    assert '"results"' in said[0]
    assert '"reply"' in said[1]
    assert engine.quizzes.list(mentor.organization_id, mentor.id) == []
