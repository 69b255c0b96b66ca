"""What the launches of one platform said that it offers: where its services are."""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, select

from mentorai.core.database import Database
from mentorai.core.places import contexts, resource_links
from mentorai.core.values import GradeService


@dataclass(frozen=True, slots=True)
class Offers:
    """family: as the newest launch was recognised, or empty. The rest is None if no launch
    brought it.
    """

    family: str = ""
    grade_service: GradeService | None = None
    memberships_url: str | None = None


def find_offers(database: Database, organization_id: str, registration_id: str) -> Offers:
    """Look at the newest course and the newest place that hold an address."""
    with database.read() as connection:
        link = _find_link(connection, organization_id, registration_id)
        memberships_url = connection.execute(
            select(contexts.c.memberships_url)
            .where(
                contexts.c.organization_id == organization_id,
                contexts.c.registration_id == registration_id,
                contexts.c.memberships_url.is_not(None),
            )
            .order_by(contexts.c.created_at.desc(), contexts.c.id)
            .limit(1)
        ).scalar()
    if link is None:
        return Offers(memberships_url=memberships_url)
    service = GradeService(
        line_item_url=link.line_item_url,
        line_items_url=link.line_items_url,
        scopes=frozenset(link.grade_scopes.split()),
    )
    is_offered = service.line_item_url or service.line_items_url
    return Offers(link.family, service if is_offered else None, memberships_url)


def _find_link(
    connection: Connection, organization_id: str, registration_id: str
) -> Row[tuple[str, ...]] | None:
    # Places with a list of line items first: it can be read without touching a grade.
    query = (
        select(resource_links)
        .where(
            resource_links.c.organization_id == organization_id,
            resource_links.c.registration_id == registration_id,
        )
        .order_by(
            resource_links.c.line_items_url.is_(None),
            resource_links.c.created_at.desc(),
            resource_links.c.id,
        )
    )
    return connection.execute(query.limit(1)).first()
