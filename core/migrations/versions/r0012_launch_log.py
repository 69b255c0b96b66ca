"""The launch log: the last launches and refused attempts."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "launch_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("registration_id", sa.String(length=36), nullable=True),
        sa.Column("is_verified", sa.Boolean(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("clause", sa.Text(), nullable=False),
        sa.Column("message_type", sa.String(length=64), nullable=False),
        sa.Column("deployment_id", sa.String(length=255), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("session_id", sa.String(length=36), nullable=True),
        sa.Column("browser", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("claims", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_launch_log_organization_id_organizations",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_launch_log"),
    )
    op.create_index(
        "ix_launch_log_kind", "launch_log", ["registration_id", "is_verified", "id"], unique=False
    )


def downgrade() -> None:
    op.drop_table("launch_log")
