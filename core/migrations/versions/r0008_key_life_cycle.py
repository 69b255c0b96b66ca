"""Tool keys with a life cycle, shared fetches of key sets, and dynamic registration."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.clock import now
from mentorai.core.database import Instant

revision = "0008"
down_revision = "0007"

_KEYS = sa.table(
    "tool_keys",
    sa.column("kid", sa.String),
    sa.column("status", sa.String),
    sa.column("sealed_jwk", sa.Text),
    sa.column("created_at", Instant),
    sa.column("activated_at", Instant),
    sa.column("retired_at", Instant),
)
_SETS = sa.table("keysets", sa.column("document", sa.Text))
_ONE_OF_A_KIND = sa.text("status IN ('active', 'next')")


def upgrade() -> None:
    op.add_column("tool_keys", sa.Column("activated_at", Instant(), nullable=True))
    op.add_column("tool_keys", sa.Column("retired_at", Instant(), nullable=True))
    _leave_one_active()
    op.create_index(
        "uq_tool_keys_status",
        "tool_keys",
        ["status"],
        unique=True,
        sqlite_where=_ONE_OF_A_KIND,
        postgresql_where=_ONE_OF_A_KIND,
    )
    op.add_column("keysets", sa.Column("tried_at", Instant(), nullable=True))
    op.add_column("keysets", sa.Column("ended_at", Instant(), nullable=True))
    op.add_column("keysets", sa.Column("misses", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "keyset_fetches",
        sa.Column("agent", sa.String(length=160), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("agent", "address", name="pk_keyset_fetches"),
    )
    _make_registration_tables()


def _leave_one_active() -> None:
    """Two first starts at once could leave two keys that sign; the newest goes on alone."""
    connection, moment = op.get_bind(), now()
    connection.execute(sa.update(_KEYS).values(activated_at=_KEYS.c.created_at))
    newest = connection.execute(
        sa.select(_KEYS.c.kid)
        .where(_KEYS.c.status == "active")
        .order_by(_KEYS.c.created_at.desc(), _KEYS.c.kid)
    ).first()
    if newest is not None:
        connection.execute(
            sa.update(_KEYS)
            .where(_KEYS.c.status == "active", _KEYS.c.kid != newest.kid)
            .values(status="retiring", retired_at=moment, sealed_jwk="")
        )


def _make_registration_tables() -> None:
    op.create_table(
        "registration_invitations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("expected_host", sa.String(length=255), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("claim", sa.String(length=36), nullable=True),
        sa.Column("claimed_until", Instant(), nullable=True),
        sa.Column("used_at", Instant(), nullable=True),
        sa.Column("registration_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_registration_invitations_organization_id_organizations",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_registration_invitations"),
        sa.UniqueConstraint("token_hash", name="uq_registration_invitations_token_hash"),
    )
    op.create_index(
        "ix_registration_invitations_organization_id",
        "registration_invitations",
        ["organization_id"],
        unique=False,
    )
    op.create_table(
        "registration_clients",
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("sealed_token", sa.Text(), nullable=False),
        sa.Column("offer", sa.JSON(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name="fk_registration_clients_registration_id_registrations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("registration_id", name="pk_registration_clients"),
    )


def downgrade() -> None:
    op.drop_table("registration_clients")
    op.drop_table("registration_invitations")
    op.drop_table("keyset_fetches")
    # What was never fetched has no document, which the step before does not know.
    op.get_bind().execute(sa.delete(_SETS).where(_SETS.c.document == ""))
    for column in ("misses", "ended_at", "tried_at"):
        op.drop_column("keysets", column)
    op.drop_index("uq_tool_keys_status", table_name="tool_keys")
    # The step before takes every key for one that signs or signed: this one never did.
    op.get_bind().execute(sa.delete(_KEYS).where(_KEYS.c.status == "next"))
    for column in ("retired_at", "activated_at"):
        op.drop_column("tool_keys", column)
