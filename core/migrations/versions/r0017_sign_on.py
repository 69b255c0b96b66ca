"""Campus sign-on: who came in by it; sessions in a portal's frame; sessions that are over."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0017"
down_revision = "0016"

OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("sessions") as table:
        table.add_column(sa.Column("frame_origins", sa.Text(), nullable=False, server_default=""))
    # Those that ran out before anybody was told of it are nobody's news any more.
    op.execute(
        "UPDATE sessions SET ended_at = expires_at "
        "WHERE ended_at IS NULL AND expires_at <= CURRENT_TIMESTAMP"
    )
    op.create_index(
        "ix_sessions_open",
        "sessions",
        ["expires_at"],
        unique=False,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_table(
        "sign_ons",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("authority", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("sign_on_id", sa.String(length=255), nullable=True),
        sa.Column("session_id", sa.String(length=36), nullable=True),
        sa.Column("admin_id", sa.String(length=36), nullable=True),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_sign_ons_organization_id_organizations",
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name="fk_sign_ons_session_id_sessions",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["admin_id"], ["admins.id"], name="fk_sign_ons_admin_id_admins", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sign_ons"),
    )
    op.create_index("ix_sign_ons_expires_at", "sign_ons", ["expires_at"], unique=False)
    op.create_index("ix_sign_ons_whose", "sign_ons", ["authority", "subject"], unique=False)
    op.create_table(
        "admin_identities",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("admin_id", sa.String(length=36), nullable=False),
        sa.Column("authority", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_admin_identities_organization_id_organizations",
        ),
        sa.ForeignKeyConstraint(
            ["admin_id"],
            ["admins.id"],
            name="fk_admin_identities_admin_id_admins",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_admin_identities"),
        sa.UniqueConstraint(
            "organization_id",
            "authority",
            "subject",
            name="uq_admin_identities_organization_id_authority_subject",
        ),
    )


def downgrade() -> None:
    op.drop_table("admin_identities")
    op.drop_table("sign_ons")
    op.drop_index("ix_sessions_open", table_name="sessions")
    with op.batch_alter_table("sessions") as table:
        table.drop_column("frame_origins")
