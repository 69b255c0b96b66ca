"""TEMPORARY while the rooms are being built: creates every table from the metadata."""

import importlib

from alembic import op

from mentorai.core.database import metadata

revision = "0001"
down_revision = None

ROOMS = [
    "core.organizations",
    "core.people",
    "core.mentors",
    "core.sessions",
    "core.admins",
    "core.audit",
    "core.keys",
    "core.idempotency",
    "core.datasets",
    "core.retrieval",
    "core.conversations",
    "core.quizzes",
    "core.grades",
    "core.outbox",
    "lti.registrations",
    "lti.tickets",
    "lti.tool_keys",
    "lti.keysets",
    "lti.tokens",
    "lti.deep_linking",
]


def upgrade() -> None:
    for room in ROOMS:
        try:
            module = importlib.import_module(f"mentorai.{room}")
        except ModuleNotFoundError:
            continue
    bind = op.get_bind()
    metadata.create_all(bind)
    try:
        from mentorai.core.retrieval import create_index

        create_index(bind)
    except ImportError:
        pass


def downgrade() -> None:
    metadata.drop_all(op.get_bind())
