"""Pickers and privacy pages open by the platform's storage too."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
PAGES = ("deep_linking_requests", "privacy_visits")


def upgrade() -> None:
    for name in PAGES:
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column("proof_hash", sa.String(length=64), nullable=True))


def downgrade() -> None:
    for name in PAGES:
        with op.batch_alter_table(name) as table:
            table.drop_column("proof_hash")
