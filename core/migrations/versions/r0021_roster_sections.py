"""Who is in which section of a course."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "roster_sections",
        sa.Column("context_id", sa.String(length=36), nullable=False),
        sa.Column("lms_section_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["context_id"],
            ["contexts.id"],
            name=op.f("fk_roster_sections_context_id_contexts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("context_id", "lms_section_id", name=op.f("pk_roster_sections")),
    )
    op.create_table(
        "roster_section_members",
        sa.Column("context_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("lms_section_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["context_id"],
            ["contexts.id"],
            name=op.f("fk_roster_section_members_context_id_contexts"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["people.id"],
            name=op.f("fk_roster_section_members_person_id_people"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "context_id", "person_id", "lms_section_id", name=op.f("pk_roster_section_members")
        ),
    )
    op.create_index(
        op.f("ix_roster_section_members_person_id"), "roster_section_members", ["person_id"]
    )


def downgrade() -> None:
    op.drop_table("roster_section_members")
    op.drop_table("roster_sections")
