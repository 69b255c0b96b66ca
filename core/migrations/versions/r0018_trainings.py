"""Documents that wait to be read, what was sent of each, and where it came from."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    nowhere = sa.Column("url", sa.Text(), nullable=False, server_default="")
    op.add_column("datasets", nowhere)
    op.create_table(
        "dataset_sources",
        sa.Column("dataset_id", sa.String(length=36), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["datasets.id"],
            name="fk_dataset_sources_dataset_id_datasets",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dataset_id", name="pk_dataset_sources"),
    )
    op.create_table(
        "trainings",
        sa.Column("dataset_id", sa.String(length=36), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("lease", sa.String(length=36), nullable=True),
        sa.Column("leased_until", Instant(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["datasets.id"],
            name="fk_trainings_dataset_id_datasets",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dataset_id", name="pk_trainings"),
    )
    op.create_index("ix_trainings_due_at", "trainings", ["due_at"], unique=False)


def downgrade() -> None:
    op.drop_table("trainings")
    op.drop_table("dataset_sources")
    op.drop_column("datasets", "url")
    # Before this step a document is there when it was read, and not otherwise.
    op.execute("DELETE FROM datasets WHERE trained_at IS NULL")
    op.execute("UPDATE datasets SET training_status = 'trained', error = ''")
