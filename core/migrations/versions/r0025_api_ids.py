"""What LMSs' own APIs call people and columns, and what was sent by them."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "api_ids",
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("lti_id", sa.String(length=255), nullable=False),
        sa.Column("api_id", sa.String(length=100), nullable=False),
        # They go with their registration.
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name="fk_api_ids_registration_id_registrations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("registration_id", "kind", "lti_id", name="pk_api_ids"),
    )
    op.create_table(
        "api_grades",
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("column", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("points", sa.Float(), nullable=False),
        sa.Column("job", sa.String(length=100), nullable=False),
        sa.Column("sent_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name="fk_api_grades_registration_id_registrations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("registration_id", "column", "subject", name="pk_api_grades"),
    )


def downgrade() -> None:
    op.drop_table("api_grades")
    op.drop_table("api_ids")
