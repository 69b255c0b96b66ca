import pytest
import structlog
from flask import Blueprint, abort

from mentorai.core import errors, hookimpl
from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.web.app import create_app
from mentorai.web.errors import STATUSES, status_of


def every_error(parent: type = errors.MentorAIError):
    yield parent
    for child in parent.__subclasses__():
        if child.__module__.startswith(f"{errors.__name__}."):
            yield from every_error(child)


def raised(kind: type[errors.MentorAIError]) -> errors.MentorAIError:
    if kind is errors.InputRejected:
        return kind({"name": ["1 to 100 characters, please."]})
    if kind is errors.KeyScopeTooSmall:
        return kind("grades:read")
    if kind is errors.RateLimited:
        return kind("This API key may make 600 calls a minute.", retry_after_seconds=7)
    if kind is errors.PluginFailed:
        return kind("canvas", "push_score")
    return kind()


class Trouble:
    """A plugin whose pages raise what they are told to."""

    def __init__(self) -> None:
        self.error: Exception = RuntimeError()

    @hookimpl
    def web_routes(self, engine: Engine) -> Blueprint:
        pages = Blueprint("trouble", __name__)
        pages.csrf_exempt = True

        @pages.route("/trouble", methods=["GET", "POST"])
        @pages.route("/api/v1/trouble", methods=["GET", "POST"])
        def trouble():
            raise self.error

        @pages.get("/api/v1/stop/<int:status>")
        def stop(status: int):
            abort(status)

        return pages


# Nothing is kept between calls but the trouble itself, which each test chooses.
@pytest.fixture(scope="module")
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture(scope="module")
def client(tmp_path_factory, trouble):
    settings = Settings(data_dir=tmp_path_factory.mktemp("errors"))
    engine = Engine.open(settings, plugins=[("trouble", trouble)])
    yield create_app(engine).test_client()
    engine.close()


@pytest.mark.parametrize("kind", list(every_error()), ids=lambda kind: kind.__name__)
def test_no_error_of_the_tree_is_without_a_status(kind):
    assert kind in STATUSES


def test_no_status_is_given_to_an_error_that_does_not_exist():
    assert set(STATUSES) == set(every_error())


def test_plugins_own_error_takes_its_parents_status():
    class CanvasAsleep(errors.PlatformUnavailable):
        """Canvas sleeps."""

    assert status_of(CanvasAsleep()) == 503


@pytest.mark.parametrize("kind", list(every_error()), ids=lambda kind: kind.__name__)
def test_program_reads_a_problem(client, trouble, kind):
    trouble.error = raised(kind)

    answer = client.get("/api/v1/trouble")

    assert answer.mimetype == "application/problem+json"
    assert answer.status_code == STATUSES[kind] == answer.json["status"]
    assert answer.json["code"] == kind.code
    assert answer.json["type"] == f"urn:mentorai:error:{kind.code}"
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    assert {"title", "detail"} <= answer.json.keys()


@pytest.mark.parametrize("kind", list(every_error()), ids=lambda kind: kind.__name__)
def test_person_reads_a_page_with_a_reference(client, trouble, kind):
    trouble.error = raised(kind)

    answer = client.get("/trouble", headers={"Accept": "text/html"})

    assert answer.mimetype == "text/html"
    assert answer.status_code == STATUSES[kind]
    assert answer.headers["X-Request-Id"] in answer.text


def test_script_of_a_page_reads_a_problem(client, trouble):
    trouble.error = errors.TooManyStreams()

    answer = client.post("/trouble", headers={"Accept": "text/event-stream"})

    assert answer.json["code"] == "busy"
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["/trouble", "/api/v1/trouble"])
def test_unknown_error_tells_nothing_of_itself(client, trouble, path):
    trouble.error = RuntimeError("password is hunter2")

    with structlog.testing.capture_logs() as lines:
        answer = client.get(path)

    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["request_failed"]


def test_configuration_error_tells_callers_nothing_of_the_configuration(client, trouble):
    trouble.error = errors.ConfigurationError("the password in /etc/mentorai is hunter2")

    assert "hunter2" not in client.get("/api/v1/trouble").text


def test_validation_error_names_the_fields(client, trouble):
    trouble.error = errors.InputRejected({"name": ["Too long."], "scopes": ["None."]})

    answer = client.get("/api/v1/trouble")

    assert answer.json["errors"] == {"name": ["Too long."], "scopes": ["None."]}


def test_throttled_platform_says_when_to_come_back(client, trouble):
    trouble.error = errors.PlatformThrottled(retry_after_seconds=31.4)

    assert client.get("/api/v1/trouble").headers["Retry-After"] == "31"


@pytest.mark.parametrize(
    ("kind", "told"),
    [(errors.KeyMissing, 'Bearer realm="mentorai"'), (errors.KeyExpired, 'error="invalid_token"')],
)
def test_refused_key_comes_with_a_challenge(client, trouble, kind, told):
    trouble.error = kind()

    assert told in client.get("/api/v1/trouble").headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "bad_request"),
        (404, "not_found"),
        (406, "not_acceptable"),
        (410, "gone"),
        (412, "precondition_failed"),
        (413, "too_large"),
        (415, "media_type_unsupported"),
        (418, "request_refused"),
        (429, "rate_limited"),
        (500, "internal_error"),
        (503, "unavailable"),
    ],
)
def test_frameworks_own_refusals_are_problems_too(client, status, code):
    answer = client.get(f"/api/v1/stop/{status}")

    assert answer.mimetype == "application/problem+json"
    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_wrong_method_names_the_right_ones(client):
    answer = client.delete("/api/v1/trouble")

    assert answer.json["code"] == "method_not_allowed"
    assert "GET" in answer.headers["Allow"]


def test_unknown_address_is_a_page_for_people_and_a_problem_for_programs(client):
    assert client.get("/nothing").mimetype == "text/html"
    assert client.get("/api/v2/nothing").mimetype == "application/problem+json"
    assert client.get("/nothing", headers={"Accept": "application/json"}).json["status"] == 404


def test_redirect_is_not_taken_for_an_error(client):
    answer = client.get("/admin")

    assert answer.status_code == 308
    assert answer.headers["Location"].endswith("/admin/")


def test_page_does_not_believe_what_was_in_the_address(client):
    answer = client.get("/<script>alert(1)</script>")

    assert "<script>alert" not in answer.text
