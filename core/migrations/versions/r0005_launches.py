"""Registered platforms, launch tickets, keys and tokens."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "keysets",
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("url", name="pk_keysets"),
    )
    op.create_table(
        "launch_tickets",
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("nonce_hash", sa.String(length=64), nullable=False),
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("binding_hash", sa.String(length=64), nullable=False),
        sa.Column("deployment_id", sa.String(length=255), nullable=True),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("taken_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("state_hash", name="pk_launch_tickets"),
    )
    op.create_index("ix_launch_tickets_expires_at", "launch_tickets", ["expires_at"], unique=False)
    op.create_table(
        "tool_keys",
        sa.Column("kid", sa.String(length=36), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("public_jwk", sa.Text(), nullable=False),
        sa.Column("sealed_jwk", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("kid", name="pk_tool_keys"),
    )
    op.create_table(
        "deep_linking_requests",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("deployment_id", sa.String(length=255), nullable=False),
        sa.Column("return_url", sa.Text(), nullable=False),
        sa.Column("accept_types", sa.JSON(), nullable=False),
        sa.Column("accept_multiple", sa.Boolean(), nullable=False),
        sa.Column("accept_line_item", sa.Boolean(), nullable=False),
        sa.Column("data", sa.Text(), nullable=True),
        sa.Column("binding_hash", sa.String(length=64), nullable=False),
        sa.Column("handoff_hash", sa.String(length=64), nullable=True),
        sa.Column("handoff_until", Instant(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_deep_linking_requests_organization_id_organizations",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deep_linking_requests"),
        sa.UniqueConstraint("handoff_hash", name="uq_deep_linking_requests_handoff_hash"),
    )
    op.create_index(
        "ix_deep_linking_requests_expires_at", "deep_linking_requests", ["expires_at"], unique=False
    )
    op.create_table(
        "registrations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("auth_url", sa.Text(), nullable=False),
        sa.Column("token_url", sa.Text(), nullable=False),
        sa.Column("keyset_url", sa.Text(), nullable=False),
        sa.Column("token_audience", sa.Text(), nullable=False),
        sa.Column("frame_origins", sa.JSON(), nullable=False),
        sa.Column("family", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_registrations_organization_id_organizations",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_registrations"),
        sa.UniqueConstraint("issuer", "client_id", name="uq_registrations_issuer_client_id"),
    )
    op.create_index(
        "ix_registrations_organization_id", "registrations", ["organization_id"], unique=False
    )
    op.create_table(
        "access_tokens",
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("scopes", sa.String(length=1000), nullable=False),
        sa.Column("sealed_token", sa.Text(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name="fk_access_tokens_registration_id_registrations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("registration_id", "scopes", name="pk_access_tokens"),
    )
    op.create_table(
        "deployments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("deployment_id", sa.String(length=255), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_deployments_organization_id_organizations",
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name="fk_deployments_registration_id_registrations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sa.UniqueConstraint(
            "registration_id", "deployment_id", name="uq_deployments_registration_id_deployment_id"
        ),
    )


def downgrade() -> None:
    op.drop_table("deployments")
    op.drop_table("access_tokens")
    op.drop_table("registrations")
    op.drop_table("deep_linking_requests")
    op.drop_table("tool_keys")
    op.drop_table("launch_tickets")
    op.drop_table("keysets")
