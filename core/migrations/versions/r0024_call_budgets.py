"""What the calls of one client may cost together is counted for all processes."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "call_budgets",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("level", sa.Float(precision=53), nullable=False),
        sa.Column("held", sa.Float(precision=53), nullable=False),
        sa.Column("high_water", sa.Float(precision=53), nullable=False),
        sa.Column("moved_at", sa.Float(precision=53), nullable=False),
        sa.Column("closed_until", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_call_budgets")),
    )
    # A lane of the worker reads its own platform's due rows, however many wait for another.
    with op.batch_alter_table("outbox") as batch:
        batch.create_index("ix_outbox_lane", ["registration_id", "status", "due_at"])


def downgrade() -> None:
    with op.batch_alter_table("outbox") as batch:
        batch.drop_index("ix_outbox_lane")
    op.drop_table("call_budgets")
