"""The contexts and resource links that launches came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Row,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    insert,
    select,
    update,
)

from mentorai.core.clock import now
from mentorai.core.database import Instant, metadata
from mentorai.core.identifiers import new_id
from mentorai.core.launch_facts import GroupService
from mentorai.core.values import Context, Launch, Platform, ResourceLink

contexts = Table(
    "contexts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("registration_id", String(36), nullable=False),
    Column("lms_context_id", String(255), nullable=False),
    Column("label", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("memberships_url", Text),
    Column("groups_url", Text),
    Column("group_sets_url", Text),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("registration_id", "lms_context_id"),
)

resource_links = Table(
    "resource_links",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("registration_id", String(36), nullable=False),
    Column("deployment_id", String(255), nullable=False),
    Column("lms_resource_link_id", String(255), nullable=False),
    Column("context_id", ForeignKey("contexts.id")),
    Column("family", String(64), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("client_id", String(255), nullable=False),
    Column("title", Text, nullable=False),
    Column("line_item_url", Text),
    Column("line_items_url", Text),
    Column("grade_scopes", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint(
        "registration_id",
        "deployment_id",
        "lms_resource_link_id",
        # PostgreSQL's names are no longer than 63 characters.
        name="uq_resource_links_place",
    ),
)

# What a launch says of its place in the gradebook.
GRADEBOOK = ("line_item_url", "line_items_url", "grade_scopes")
# A statement bears only so many values.
TOGETHER = 1_000


def make_finder(table: Table, *names: str) -> Select[Any]:
    """The query for one row by these columns, made once: making it costs more than running it."""
    return select(table).where(*(table.c[name] == bindparam(name) for name in names))


_FIND_CONTEXT = make_finder(contexts, "registration_id", "lms_context_id")
_FIND_RESOURCE_LINK = make_finder(
    resource_links, "registration_id", "deployment_id", "lms_resource_link_id"
)


def context_facts(launch: Launch, context: Context) -> dict[str, str | None]:
    """What a launch says of its context, by our columns."""
    groups = launch.details.group_service
    return {
        "organization_id": launch.organization_id,
        "label": context.label,
        "title": context.title,
        "memberships_url": launch.memberships_url,
        "groups_url": groups.groups_url if groups else None,
        "group_sets_url": groups.group_sets_url if groups else None,
    }


def link_facts(launch: Launch, link: ResourceLink, context_id: str | None) -> dict[str, str | None]:
    """What a launch says of its resource link, by our columns."""
    service = launch.grade_service
    return {
        "organization_id": launch.organization_id,
        "context_id": context_id,
        "family": launch.family_code,
        "issuer": launch.issuer,
        "client_id": launch.client_id,
        "title": link.title,
        "line_item_url": service.line_item_url if service else None,
        "line_items_url": service.line_items_url if service else None,
        "grade_scopes": " ".join(sorted(service.scopes)) if service else "",
    }


def read_platform(row: Row[Any]) -> Platform:
    """The platform in a row that has the columns of a resource link."""
    return Platform(
        registration_id=row.registration_id,
        organization_id=row.organization_id,
        family=row.family,
        issuer=row.issuer,
        client_id=row.client_id,
    )


def find_families(
    connection: Connection, organization_id: str, link_ids: Sequence[str]
) -> dict[str, str]:
    """The families of the platforms of an organization's resource links, by their ids."""
    found: dict[str, str] = {}
    for first in range(0, len(link_ids), TOGETHER):
        query = select(resource_links.c.id, resource_links.c.family).where(
            resource_links.c.organization_id == organization_id,
            resource_links.c.id.in_(link_ids[first : first + TOGETHER]),
        )
        found |= {row.id: row.family for row in connection.execute(query)}
    return found


def read_group_service(row: Row[Any]) -> GroupService | None:
    """Where the groups of a context are read, in a row that has its columns."""
    return GroupService(row.groups_url, row.group_sets_url) if row.groups_url else None


def list_neighbours(connection: Connection, resource_link_id: str) -> frozenset[str]:
    """The platform's names of all other resource links in the context of one."""
    own = select(resource_links.c.context_id).where(resource_links.c.id == resource_link_id)
    others = select(resource_links.c.lms_resource_link_id).where(
        resource_links.c.context_id == own.scalar_subquery(),
        resource_links.c.id != resource_link_id,
    )
    return frozenset(connection.execute(others).scalars())


def put_context(connection: Connection, launch: Launch) -> str | None:
    """The id of our row for the context of a launch, made or mended; None if it has none."""
    if launch.context is None:
        return None
    context_id, _ = _put_row(
        connection,
        contexts,
        _FIND_CONTEXT,
        {
            "registration_id": launch.registration_id,
            "lms_context_id": launch.context.lms_id,
        },
        context_facts(launch, launch.context),
    )
    return context_id


@dataclass(frozen=True, slots=True)
class KeptLink:
    """The resource link of a launch as it is kept here. id: of our row; None: it has no link.

    is_graded_now: a link that was known has a gradebook now that it did not have. column_url: of
    its own column; former_url: by what the launch before called it, if by another.
    """

    id: str | None = None
    is_graded_now: bool = False
    column_url: str | None = None
    former_url: str | None = None


def put_resource_link(connection: Connection, launch: Launch, context_id: str | None) -> KeptLink:
    """Keep the resource link of a launch; its row is made or mended.

    context_id: of our row for its context.
    """
    if launch.resource_link is None:
        return KeptLink()
    facts = link_facts(launch, launch.resource_link, context_id)
    link_id, before = _put_row(
        connection,
        resource_links,
        _FIND_RESOURCE_LINK,
        {
            "registration_id": launch.registration_id,
            "deployment_id": launch.deployment_id,
            "lms_resource_link_id": launch.resource_link.lms_id,
        },
        facts,
    )
    if before is None or launch.grade_service is None:
        return KeptLink(link_id)
    column_url, former_url = facts["line_item_url"], before.line_item_url
    return KeptLink(
        link_id,
        is_graded_now=any(before._mapping[name] != facts[name] for name in GRADEBOOK),
        column_url=column_url,
        former_url=former_url if former_url != column_url else None,
    )


def _put_row(
    connection: Connection,
    table: Table,
    find: Select[Any],
    key: dict[str, str],
    facts: dict[str, str | None],
) -> tuple[str, Row[Any] | None]:
    """The id of the row with this key, made or mended, and how it was before."""
    row = connection.execute(find, key).one_or_none()
    if row is None:
        made = new_id()
        connection.execute(insert(table).values(id=made, created_at=now(), **key, **facts))
        return made, None
    if any(row._mapping[name] != value for name, value in facts.items()):
        connection.execute(update(table).where(table.c.id == row.id).values(**facts))
    return row.id, row
