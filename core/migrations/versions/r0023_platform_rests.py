"""Platforms that rest, and grades that a teacher changed in the gradebook."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "platform_rests",
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("rests", sa.Integer(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("rests_until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("pk_platform_rests")),
    )
    for table, column in (("grades", "sync_overridden"), ("outbox", "replaces_teacher")):
        made: sa.Column[bool] = sa.Column(
            column, sa.Boolean(), nullable=False, server_default=sa.false()
        )
        op.add_column(table, made)


def downgrade() -> None:
    op.drop_column("outbox", "replaces_teacher")
    op.drop_column("grades", "sync_overridden")
    op.drop_table("platform_rests")
