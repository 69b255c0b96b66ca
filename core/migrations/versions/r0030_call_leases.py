"""A call that is being answered names the process that answers it."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.add_column("repeatable_calls", sa.Column("lease", sa.String(length=36), nullable=True))


def downgrade() -> None:
    op.drop_column("repeatable_calls", "lease")
