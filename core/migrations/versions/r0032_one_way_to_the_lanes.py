"""When a score was handed to the queue is not kept: a worker finds it by its lane."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.drop_column("outbox", "handed_until")


def downgrade() -> None:
    # Long ago: whoever looks next may hand it.
    ago = "2000-01-01 00:00:00.000000"
    op.add_column(
        "outbox", sa.Column("handed_until", Instant(), nullable=False, server_default=ago)
    )
