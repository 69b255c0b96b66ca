"""What a registration does with unknown deployments, states of deployments, and role overrides."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    reject = sa.Column("deployment_policy", sa.String(16), nullable=False, server_default="reject")
    op.add_column("registrations", reject)
    nothing = sa.Column("role_overrides", sa.JSON(), nullable=False, server_default="{}")
    op.add_column("registrations", nothing)
    active = sa.Column("state", sa.String(16), nullable=False, server_default="active")
    op.add_column("deployments", active)
    nowhere = sa.Column("seen_in", sa.String(200), nullable=False, server_default="")
    op.add_column("deployments", nowhere)


def downgrade() -> None:
    # Before this step every deployment launches, and every registration that is not disabled.
    op.execute("DELETE FROM deployments WHERE state <> 'active'")
    op.execute("UPDATE registrations SET status = 'disabled' WHERE status = 'pending'")
    op.drop_column("deployments", "seen_in")
    op.drop_column("deployments", "state")
    op.drop_column("registrations", "role_overrides")
    op.drop_column("registrations", "deployment_policy")
