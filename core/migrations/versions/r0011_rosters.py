"""Rosters and groups of courses, and the hosts that launches named."""

from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

from mentorai.core.clock import now
from mentorai.core.database import Instant

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("contexts", sa.Column("groups_url", sa.Text(), nullable=True))
    op.add_column("contexts", sa.Column("group_sets_url", sa.Text(), nullable=True))
    _make_rosters()
    _make_groups()
    op.create_table(
        "service_origins",
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("origin", sa.String(length=300), nullable=False),
        sa.Column("named_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name="fk_service_origins_registration_id_registrations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("registration_id", "origin", name="pk_service_origins"),
    )
    _keep_named_hosts()


def downgrade() -> None:
    op.drop_table("service_origins")
    op.drop_table("roster_group_members")
    op.drop_table("roster_groups")
    op.drop_table("roster_members")
    op.drop_table("rosters")
    op.drop_column("contexts", "group_sets_url")
    op.drop_column("contexts", "groups_url")


def _make_rosters() -> None:
    op.create_table(
        "rosters",
        sa.Column("context_id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("wanted_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("interval_seconds", sa.Float(), nullable=False),
        sa.Column("reading", sa.String(length=36), nullable=True),
        sa.Column("reading_until", Instant(), nullable=True),
        sa.Column("complete_at", Instant(), nullable=True),
        sa.Column("read_at", Instant(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=False),
        sa.Column("differences_url", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["context_id"],
            ["contexts.id"],
            name="fk_rosters_context_id_contexts",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_rosters_organization_id_organizations",
        ),
        sa.PrimaryKeyConstraint("context_id", name="pk_rosters"),
    )
    op.create_index("ix_rosters_due_at", "rosters", ["due_at"], unique=False)
    op.create_table(
        "roster_members",
        sa.Column("context_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("reading", sa.String(length=36), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("left_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["context_id"],
            ["contexts.id"],
            name="fk_roster_members_context_id_contexts",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["people.id"],
            name="fk_roster_members_person_id_people",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_roster_members_organization_id_organizations",
        ),
        sa.PrimaryKeyConstraint("context_id", "person_id", name="pk_roster_members"),
    )
    op.create_index("ix_roster_members_person_id", "roster_members", ["person_id"], unique=False)


def _make_groups() -> None:
    op.create_table(
        "roster_groups",
        sa.Column("context_id", sa.String(length=36), nullable=False),
        sa.Column("lms_group_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("set_name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["context_id"],
            ["contexts.id"],
            name="fk_roster_groups_context_id_contexts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("context_id", "lms_group_id", name="pk_roster_groups"),
    )
    op.create_table(
        "roster_group_members",
        sa.Column("context_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("lms_group_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["context_id"],
            ["contexts.id"],
            name="fk_roster_group_members_context_id_contexts",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["people.id"],
            name="fk_roster_group_members_person_id_people",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "context_id", "person_id", "lms_group_id", name="pk_roster_group_members"
        ),
    )
    op.create_index(
        "ix_roster_group_members_person_id", "roster_group_members", ["person_id"], unique=False
    )


def _keep_named_hosts() -> None:
    """The hosts that earlier launches named, so that scores that wait can still leave."""
    connection = op.get_bind()
    registrations = set(connection.execute(sa.text("SELECT id FROM registrations")).scalars())
    named: set[tuple[str, str]] = set()
    for holder, column in (
        ("contexts", "memberships_url"),
        ("resource_links", "line_item_url"),
        ("resource_links", "line_items_url"),
    ):
        source = sa.table(holder, sa.column("registration_id"), sa.column(column))
        rows = connection.execute(sa.select(source).distinct())
        named |= {(row[0], _origin(row[1])) for row in rows if row[1] and row[0] in registrations}
    table = sa.table(
        "service_origins",
        sa.column("registration_id", sa.String),
        sa.column("origin", sa.String),
        sa.column("named_at", Instant()),
    )
    moment = now()
    facts: list[dict[str, Any]] = [
        {"registration_id": registration_id, "origin": origin, "named_at": moment}
        for registration_id, origin in sorted(named)
        if 0 < len(origin) <= 300
    ]
    if facts:
        op.bulk_insert(table, facts)


def _origin(url: str) -> str:
    """The origin as lti/origins.py has it; it was checked when the launch came."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    usual = parts.port in (None, {"http": 80, "https": 443}.get(parts.scheme))
    return f"{parts.scheme}://{host}" + ("" if usual else f":{parts.port}")
