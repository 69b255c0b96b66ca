"""Registrations that are not finished, which school a deployment belongs to, and sheets that wait
to be applied.
"""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0022"
down_revision = "0021"
SCHOOL = ("school_guid", "school_name", "school_url")


def upgrade() -> None:
    op.create_table(
        "registration_drafts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("family", sa.String(length=64), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_registration_drafts_organization_id_organizations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_drafts")),
    )
    op.create_index(
        op.f("ix_registration_drafts_organization_id"),
        "registration_drafts",
        ["organization_id"],
        unique=False,
    )
    for name in SCHOOL:
        op.add_column("deployments", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "kept_sheets",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_kept_sheets_organization_id_organizations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_sheets")),
    )
    op.create_index(
        op.f("ix_kept_sheets_organization_id"), "kept_sheets", ["organization_id"], unique=False
    )


def downgrade() -> None:
    op.drop_table("kept_sheets")
    for name in reversed(SCHOOL):
        op.drop_column("deployments", name)
    op.drop_table("registration_drafts")
