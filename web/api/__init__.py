"""The REST API: one module a resource."""

from flask_openapi.openapi import OpenAPI

from mentorai.core.engine import Engine
from mentorai.web.api import (
    analytics,
    chat,
    compatibility,
    compatibility_tokens,
    datasets,
    docs,
    enrollments,
    grades,
    key,
    keys,
    mentor,
    mentors,
    quizzes,
    reconciliation,
    search,
    sessions,
    sso,
    webhooks,
)

# What one mentor has: each is also under /mentors/{mentor}/...
OF_A_MENTOR = (
    mentor,
    chat,
    sessions,
    datasets,
    search,
    quizzes,
    grades,
    reconciliation,
    enrollments,
    analytics,
    webhooks,
    sso,
)
RESOURCES = (key, *OF_A_MENTOR, mentors, keys)


def register_api(app: OpenAPI, engine: Engine) -> None:
    """Mount the API, its description and its interactive page under /api/v1."""
    docs.describe_api(app, engine)
    for module in RESOURCES:
        app.register_api(module.api)
    for module in OF_A_MENTOR:
        module.api.mount_in_mentors(app)
    docs.register_docs(app, engine)
    app.register_blueprint(compatibility.api)
    app.register_blueprint(compatibility_tokens.api)
