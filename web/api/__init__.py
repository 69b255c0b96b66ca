"""The REST API: one module a resource."""

from flask_openapi.openapi import OpenAPI

from mentorai.core.engine import Engine
from mentorai.web.api import (
    chat,
    datasets,
    docs,
    grades,
    key,
    mentor,
    quizzes,
    search,
    sessions,
    sso,
)

RESOURCES = (key, mentor, chat, sessions, datasets, search, quizzes, grades, sso)


def register_api(app: OpenAPI, engine: Engine) -> None:
    """Mount the API, its description and its interactive page under /api/v1."""
    docs.describe_api(app, engine)
    for module in RESOURCES:
        app.register_api(module.api)
    docs.register_docs(app)
