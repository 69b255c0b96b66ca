"""Quizzes, attempts, grades and the outbox."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "quizzes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("mentor_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("attempts_allowed", sa.Integer(), nullable=False),
        sa.Column("keep", sa.String(length=8), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("questions", sa.JSON(), nullable=False),
        sa.Column("maximum", sa.Float(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mentor_id"], ["mentors.id"], name="fk_quizzes_mentor_id_mentors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_quizzes_organization_id_organizations",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_quizzes"),
    )
    op.create_index("ix_quizzes_mentor_id", "quizzes", ["mentor_id"], unique=False)
    op.create_table(
        "score_clocks",
        sa.Column("column", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["people.id"],
            name="fk_score_clocks_person_id_people",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("column", "person_id", name="pk_score_clocks"),
    )
    op.create_index("ix_score_clocks_person_id", "score_clocks", ["person_id"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("mentor_id", sa.String(length=36), nullable=False),
        sa.Column("quiz_id", sa.String(length=36), nullable=False),
        sa.Column("quiz_title", sa.Text(), nullable=False),
        sa.Column("keep", sa.String(length=8), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("resource_link_id", sa.String(length=36), nullable=True),
        sa.Column("place", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("staff", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("questions", sa.JSON(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("saves", sa.Integer(), nullable=False),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.Column("given", sa.Float(), nullable=True),
        sa.Column("maximum", sa.Float(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("submitted_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["mentor_id"], ["mentors.id"], name="fk_attempts_mentor_id_mentors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_attempts_organization_id_organizations",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name="fk_attempts_person_id_people", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["resource_link_id"],
            ["resource_links.id"],
            name="fk_attempts_resource_link_id_resource_links",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.UniqueConstraint(
            "quiz_id",
            "person_id",
            "place",
            "number",
            name="uq_attempts_quiz_id_person_id_place_number",
        ),
    )
    op.create_index("ix_attempts_mentor_id", "attempts", ["mentor_id"], unique=False)
    op.create_index("ix_attempts_person_id", "attempts", ["person_id"], unique=False)
    op.create_table(
        "grades",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("mentor_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("place", sa.String(length=80), nullable=False),
        sa.Column("quiz_id", sa.String(length=36), nullable=True),
        sa.Column("attempt_id", sa.String(length=36), nullable=True),
        sa.Column("context_id", sa.String(length=36), nullable=True),
        sa.Column("resource_link_id", sa.String(length=36), nullable=True),
        sa.Column("given", sa.Float(), nullable=False),
        sa.Column("maximum", sa.Float(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("release", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("submitted_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("sync_row_id", sa.String(length=36), nullable=True),
        sa.Column("sync_status", sa.String(length=16), nullable=False),
        sa.Column("sync_attempts", sa.Integer(), nullable=False),
        sa.Column("sync_error_code", sa.String(length=64), nullable=False),
        sa.Column("sync_error_message", sa.Text(), nullable=False),
        sa.Column("sync_sent_at", Instant(), nullable=True),
        sa.Column("sync_next_try_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["context_id"], ["contexts.id"], name="fk_grades_context_id_contexts"
        ),
        sa.ForeignKeyConstraint(
            ["mentor_id"], ["mentors.id"], name="fk_grades_mentor_id_mentors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_grades_organization_id_organizations",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name="fk_grades_person_id_people", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["resource_link_id"],
            ["resource_links.id"],
            name="fk_grades_resource_link_id_resource_links",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_grades"),
        sa.UniqueConstraint(
            "mentor_id", "person_id", "place", name="uq_grades_mentor_id_person_id_place"
        ),
    )
    op.create_index("ix_grades_changes", "grades", ["mentor_id", "updated_at", "id"], unique=False)
    op.create_index("ix_grades_person_id", "grades", ["person_id"], unique=False)
    op.create_table(
        "line_items",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("resource_link_id", sa.String(length=36), nullable=False),
        sa.Column("activity_id", sa.String(length=36), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("score_maximum", sa.Float(), nullable=True),
        sa.Column("resource_id", sa.Text(), nullable=True),
        sa.Column("tag", sa.Text(), nullable=True),
        sa.Column("lms_resource_link_id", sa.Text(), nullable=True),
        sa.Column("finder", sa.String(length=36), nullable=True),
        sa.Column("finder_until", Instant(), nullable=True),
        sa.Column("found_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_line_items_organization_id_organizations",
        ),
        sa.ForeignKeyConstraint(
            ["resource_link_id"],
            ["resource_links.id"],
            name="fk_line_items_resource_link_id_resource_links",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_line_items"),
        sa.UniqueConstraint(
            "resource_link_id", "activity_id", name="uq_line_items_resource_link_id_activity_id"
        ),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("grade_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("resource_link_id", sa.String(length=36), nullable=True),
        sa.Column("registration_id", sa.String(length=36), nullable=True),
        sa.Column("quiz_id", sa.String(length=36), nullable=True),
        sa.Column("given", sa.Float(), nullable=False),
        sa.Column("maximum", sa.Float(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("stale_attempts", sa.Integer(), nullable=False),
        sa.Column("first_tried_at", Instant(), nullable=True),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("handed_until", Instant(), nullable=False),
        sa.Column("lease", sa.String(length=36), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("last_error_code", sa.String(length=64), nullable=False),
        sa.Column("last_error_message", sa.Text(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["grade_id"], ["grades.id"], name="fk_outbox_grade_id_grades", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_outbox_organization_id_organizations",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_due", "outbox", ["status", "due_at"], unique=False)
    op.create_index("ix_outbox_grade_id", "outbox", ["grade_id"], unique=False)
    op.create_index(
        "uq_outbox_in_flight",
        "outbox",
        ["grade_id"],
        unique=True,
        sqlite_where=sa.text("status = 'leased'"),
        postgresql_where=sa.text("status = 'leased'"),
    )


def downgrade() -> None:
    op.drop_table("outbox")
    op.drop_table("line_items")
    op.drop_table("grades")
    op.drop_table("attempts")
    op.drop_table("score_clocks")
    op.drop_table("quizzes")
