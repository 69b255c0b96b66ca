"""Deep linking requests keep all that the platform asked for.

A request lives for an hour: those that are open during the step are begun again in the course.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("DELETE FROM deep_linking_requests")
    with op.batch_alter_table("deep_linking_requests") as table:
        table.drop_column("return_url")
        table.drop_column("accept_types")
        table.drop_column("accept_multiple")
        table.drop_column("accept_line_item")
        table.drop_column("data")
        table.add_column(sa.Column("settings", sa.JSON(), nullable=False))
        table.add_column(sa.Column("context_title", sa.Text(), nullable=False))


def downgrade() -> None:
    op.execute("DELETE FROM deep_linking_requests")
    with op.batch_alter_table("deep_linking_requests") as table:
        table.drop_column("settings")
        table.drop_column("context_title")
        table.add_column(sa.Column("return_url", sa.Text(), nullable=False))
        table.add_column(sa.Column("accept_types", sa.JSON(), nullable=False))
        table.add_column(sa.Column("accept_multiple", sa.Boolean(), nullable=False))
        table.add_column(sa.Column("accept_line_item", sa.Boolean(), nullable=False))
        table.add_column(sa.Column("data", sa.Text(), nullable=True))
