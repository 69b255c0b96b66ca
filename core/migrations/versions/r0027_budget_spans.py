"""What calls under way hold of a budget is counted by the span of time in which they took it."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    with op.batch_alter_table("call_budgets") as batch:
        batch.add_column(sa.Column("span", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(
            sa.Column("held_before", sa.Float(precision=53), nullable=False, server_default="0")
        )


def downgrade() -> None:
    with op.batch_alter_table("call_budgets") as batch:
        batch.drop_column("held_before")
        batch.drop_column("span")
