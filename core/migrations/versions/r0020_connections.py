"""Connections to LMSs' own APIs, their secrets sealed."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "platform_connections",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("base_url", sa.String(length=500), nullable=False),
        sa.Column("account", sa.String(length=200), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("sealed_tokens", sa.Text(), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("checked_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("renewing_by", sa.String(length=36), nullable=True),
        sa.Column("renewing_until", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_platform_connections_organization_id_organizations",
        ),
        # The secrets of a registration go with it.
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name="fk_platform_connections_registration_id_registrations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_platform_connections"),
        sa.UniqueConstraint(
            "registration_id", "kind", name="uq_platform_connections_registration_id_kind"
        ),
    )


def downgrade() -> None:
    op.drop_table("platform_connections")
