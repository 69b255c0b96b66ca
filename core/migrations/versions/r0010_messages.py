"""Course copies, notices, what came from LTI 1.1, privacy visits, and where a session starts."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("start", sa.Text(), nullable=True))
    _make_copies()
    _make_notices()
    _make_migration()
    _make_visits()


def downgrade() -> None:
    for name in (
        "privacy_visits",
        "migration_requests",
        "consumer_keys",
        "notice_services",
        "notices",
        "former_places",
        "context_copies",
    ):
        op.drop_table(name)
    op.drop_column("sessions", "start")


def _make_copies() -> None:
    op.create_table(
        "context_copies",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("lms_context_id", sa.String(length=255), nullable=False),
        sa.Column("origin_context_id", sa.String(length=255), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        _of_organization("context_copies"),
        sa.PrimaryKeyConstraint("id", name="pk_context_copies"),
        sa.UniqueConstraint(
            "registration_id", "lms_context_id", "origin_context_id", name="uq_context_copies_pair"
        ),
    )
    op.create_table(
        "former_places",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("authority", sa.String(length=200), nullable=False),
        sa.Column("lms_resource_link_id", sa.String(length=255), nullable=False),
        sa.Column("mentor_id", sa.String(length=36), nullable=False),
        sa.Column("quiz_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        _of_organization("former_places"),
        sa.ForeignKeyConstraint(
            ["mentor_id"],
            ["mentors.id"],
            name="fk_former_places_mentor_id_mentors",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_former_places"),
        sa.UniqueConstraint(
            "organization_id", "authority", "lms_resource_link_id", name="uq_former_places_place"
        ),
    )


def _make_notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("deployment_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("once_hash", sa.String(length=64), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        _of_organization("notices"),
        _of_registration("notices"),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("once_hash", name="uq_notices_once_hash"),
    )
    op.create_index("ix_notices_received_at", "notices", ["received_at"], unique=False)
    op.create_table(
        "notice_services",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("deployment_id", sa.String(length=255), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("offered", sa.JSON(), nullable=False),
        sa.Column("subscribed", sa.JSON(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        _of_organization("notice_services"),
        _of_registration("notice_services"),
        sa.PrimaryKeyConstraint("id", name="pk_notice_services"),
        sa.UniqueConstraint(
            "registration_id",
            "deployment_id",
            name="uq_notice_services_registration_id_deployment_id",
        ),
    )
    op.create_index("ix_notice_services_due_at", "notice_services", ["due_at"], unique=False)


def _make_migration() -> None:
    op.create_table(
        "consumer_keys",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("consumer_key", sa.String(length=255), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        _of_organization("consumer_keys"),
        sa.PrimaryKeyConstraint("id", name="pk_consumer_keys"),
        sa.UniqueConstraint(
            "organization_id", "consumer_key", name="uq_consumer_keys_organization_id_consumer_key"
        ),
    )
    op.create_table(
        "migration_requests",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("authority", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("present_id", sa.String(length=255), nullable=False),
        sa.Column("former_id", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=True),
        _of_organization("migration_requests"),
        _of_registration("migration_requests"),
        sa.PrimaryKeyConstraint("id", name="pk_migration_requests"),
        sa.UniqueConstraint(
            "registration_id",
            "authority",
            "kind",
            "present_id",
            "former_id",
            name="uq_migration_requests_pair",
        ),
    )
    op.create_index("ix_migration_requests_status", "migration_requests", ["status"], unique=False)


def _make_visits() -> None:
    op.create_table(
        "privacy_visits",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=True),
        sa.Column("is_own", sa.Boolean(), nullable=False),
        sa.Column("is_administrator", sa.Boolean(), nullable=False),
        sa.Column("binding_hash", sa.String(length=64), nullable=False),
        sa.Column("handoff_hash", sa.String(length=64), nullable=True),
        sa.Column("handoff_until", Instant(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=False),
        _of_organization("privacy_visits"),
        sa.PrimaryKeyConstraint("id", name="pk_privacy_visits"),
        sa.UniqueConstraint("handoff_hash", name="uq_privacy_visits_handoff_hash"),
    )
    op.create_index("ix_privacy_visits_expires_at", "privacy_visits", ["expires_at"], unique=False)


def _of_organization(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id"], ["organizations.id"], name=f"fk_{table}_organization_id_organizations"
    )


def _of_registration(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["registration_id"],
        ["registrations.id"],
        name=f"fk_{table}_registration_id_registrations",
        ondelete="CASCADE",
    )
