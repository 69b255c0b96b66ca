"""API keys: policy, addresses, limits, rotation, reminders, and counts of their use."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    for column in (
        sa.Column("allowed_ips", sa.Text(), nullable=False, server_default=""),
        sa.Column("rate_limit", sa.Integer(), nullable=True),
        sa.Column("monthly_quota", sa.Integer(), nullable=True),
        sa.Column("replaced_by", sa.String(length=10), nullable=True),
        sa.Column("reminded_days", sa.Integer(), nullable=True),
    ):
        op.add_column("api_keys", column)
    # Reminders look for the keys that end next.
    op.create_index("ix_api_keys_expires_at", "api_keys", ["expires_at"], unique=False)
    op.create_table(
        "key_policies",
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("max_days", sa.Integer(), nullable=False),
        sa.Column("may_never_expire", sa.Boolean(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_key_policies_organization_id_organizations",
        ),
        sa.PrimaryKeyConstraint("organization_id", name="pk_key_policies"),
    )
    op.create_table(
        "key_uses",
        sa.Column("key_id", sa.String(length=10), nullable=False),
        sa.Column("hour", Instant(), nullable=False),
        sa.Column("route", sa.String(length=100), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "hour", "route", name="pk_key_uses"),
    )


def downgrade() -> None:
    op.drop_table("key_uses")
    op.drop_table("key_policies")
    op.drop_index("ix_api_keys_expires_at", table_name="api_keys")
    # What the step before cannot hold back must not work there: a key for some addresses alone.
    keys = sa.table(
        "api_keys",
        sa.column("allowed_ips", sa.Text),
        sa.column("disabled_at", Instant),
        sa.column("created_at", Instant),
    )
    op.get_bind().execute(
        sa.update(keys)
        .where(keys.c.allowed_ips != "", keys.c.disabled_at.is_(None))
        .values(disabled_at=keys.c.created_at)
    )
    for column in ("reminded_days", "replaced_by", "monthly_quota", "rate_limit", "allowed_ips"):
        op.drop_column("api_keys", column)
