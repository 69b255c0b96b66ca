"""Tickets are found by their number; sessions are not looked for by organization alone.

Whoever began a launch in these ten minutes begins it again.
"""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.drop_table("launch_tickets")
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "launch_tickets",
        sa.Column("id", number, nullable=False),
        *_columns(),
        sa.PrimaryKeyConstraint("id", name="pk_launch_tickets"),
    )
    op.drop_index("ix_sessions_organization_id", "sessions")


def downgrade() -> None:
    op.create_index("ix_sessions_organization_id", "sessions", ["organization_id"])
    op.drop_table("launch_tickets")
    op.create_table(
        "launch_tickets",
        *_columns(),
        sa.PrimaryKeyConstraint("state_hash", name="pk_launch_tickets"),
    )
    op.create_index("ix_launch_tickets_expires_at", "launch_tickets", ["expires_at"])


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("nonce_hash", sa.String(length=64), nullable=False),
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("binding_hash", sa.String(length=64), nullable=False),
        sa.Column("deployment_id", sa.String(length=255), nullable=True),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("taken_at", Instant(), nullable=True),
        sa.Column("storage_target", sa.String(length=255), nullable=True),
        sa.Column("proof_hash", sa.String(length=64), nullable=True),
    ]
