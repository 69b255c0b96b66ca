"""API keys, the audit, and calls that may be repeated."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "repeatable_calls",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_repeatable_calls"),
    )
    op.create_index(
        "ix_repeatable_calls_started_at", "repeatable_calls", ["started_at"], unique=False
    )
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("mentor_id", sa.String(length=36), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_audit_entries_organization_id_organizations",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
    )
    op.create_index(
        "ix_audit_entries_organization_id_id",
        "audit_entries",
        ["organization_id", "id"],
        unique=False,
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=10), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("mentor_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("bound_to", sa.String(length=36), nullable=False),
        sa.Column("name_taken", sa.String(length=400), nullable=True),
        sa.Column("digest", sa.String(length=100), nullable=False),
        sa.Column("last_four", sa.String(length=4), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("once", sa.String(length=100), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("disabled_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.Column("last_used_ip", sa.String(length=45), nullable=True),
        sa.ForeignKeyConstraint(
            ["mentor_id"], ["mentors.id"], name="fk_api_keys_mentor_id_mentors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_api_keys_organization_id_organizations",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("bound_to", "name_taken", name="uq_api_keys_bound_to_name_taken"),
        sa.UniqueConstraint("bound_to", "once", name="uq_api_keys_bound_to_once"),
    )
    op.create_index("ix_api_keys_mentor_id", "api_keys", ["mentor_id"], unique=False)


def downgrade() -> None:
    op.drop_table("api_keys")
    op.drop_table("audit_entries")
    op.drop_table("repeatable_calls")
