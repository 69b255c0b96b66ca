"""What a launch without cookies needs: where its proof was stored."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("launch_tickets") as table:
        table.add_column(sa.Column("storage_target", sa.String(length=255), nullable=True))
        table.add_column(sa.Column("proof_hash", sa.String(length=64), nullable=True))
    with op.batch_alter_table("handoffs") as table:
        table.add_column(sa.Column("proof_hash", sa.String(length=64), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("handoffs") as table:
        table.drop_column("proof_hash")
    with op.batch_alter_table("launch_tickets") as table:
        table.drop_column("proof_hash")
        table.drop_column("storage_target")
