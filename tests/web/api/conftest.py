"""What every test of the API runs under."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mentorai.core.engine import Engine
from tests.web.data_guard import DataGuard


@pytest.fixture(autouse=True)
def _guarded(data_guard: DataGuard) -> None:
    """Whatever the API runs says whose rows it means."""


SITE = "https://localhost"
EMAIL, PASSWORD = "it@campus.edu", "correct horse"


@pytest.fixture
def admin(app: Flask, engine: Engine) -> FlaskClient:
    """A browser in which campus IT has signed in."""
    engine.admins.take_setup_code(engine.admins.issue_setup_code(), EMAIL, PASSWORD)
    client = app.test_client()
    page = client.get("/admin/sign-in", base_url=SITE).text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    form = {"email": EMAIL, "password": PASSWORD, "csrf_token": found[1]}
    client.post("/admin/sign-in", data=form, base_url=SITE)
    return client


@pytest.fixture
def call_as_admin(admin: FlaskClient) -> Callable[..., Any]:
    """Call the API as a page of ours does: with the token that the last answer brought."""
    kept: dict[str, str] = {}

    def send(method: str, path: str, **options: Any) -> Any:
        headers = kept | options.pop("headers", {})
        answer = admin.open(path, method=method, headers=headers, base_url=SITE, **options)
        if "X-CSRF-Token" in answer.headers:
            kept["X-CSRF-Token"] = answer.headers["X-CSRF-Token"]
        return answer

    send("GET", "/api/v1/keys")
    return send
