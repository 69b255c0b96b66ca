"""Which peppers API keys were kept under."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.create_table(
        "key_peppers",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("proof", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_key_peppers"),
    )


def downgrade() -> None:
    op.drop_table("key_peppers")
