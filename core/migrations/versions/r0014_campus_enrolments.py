"""Enrolments by the campus's own lists."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "campus_enrolments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("mentor_id", sa.String(length=36), nullable=False),
        sa.Column("identity_id", sa.String(length=36), nullable=False),
        sa.Column("section", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_campus_enrolments_organization_id_organizations",
        ),
        sa.ForeignKeyConstraint(
            ["mentor_id"],
            ["mentors.id"],
            name="fk_campus_enrolments_mentor_id_mentors",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["identities.id"],
            name="fk_campus_enrolments_identity_id_identities",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_campus_enrolments"),
        sa.UniqueConstraint(
            "identity_id",
            "mentor_id",
            "section",
            name="uq_campus_enrolments_identity_id_mentor_id_section",
        ),
    )
    op.create_index(
        "ix_campus_enrolments_changes",
        "campus_enrolments",
        ["mentor_id", "updated_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_campus_enrolments_organization_id",
        "campus_enrolments",
        ["organization_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("campus_enrolments")
