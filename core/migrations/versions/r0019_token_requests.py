"""Of all processes one at a time asks a platform for a token."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "token_requests",
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("scopes", sa.String(length=1000), nullable=False),
        sa.Column("began_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name=op.f("fk_token_requests_registration_id_registrations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("registration_id", "scopes", name=op.f("pk_token_requests")),
    )


def downgrade() -> None:
    op.drop_table("token_requests")
