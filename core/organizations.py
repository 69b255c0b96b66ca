"""Tenants. The first start makes one, called "default"."""

from dataclasses import dataclass

from sqlalchemy import Column, String, Table, insert, select

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import NotFound
from mentorai.core.identifiers import new_id

organizations = Table(
    "organizations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("slug", String(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Organization:
    """One tenant; everything else belongs to one."""

    id: str
    slug: str
    name: str


class Organizations:
    """The tenants of this installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, slug: str, name: str) -> Organization:
        """The organization `slug`, made if it is not there."""
        with self._database.write() as connection:
            row = connection.execute(
                select(organizations).where(organizations.c.slug == slug)
            ).one_or_none()
            if row is None:
                made = Organization(new_id(), slug, name)
                connection.execute(
                    insert(organizations).values(id=made.id, slug=slug, name=name, created_at=now())
                )
                return made
        return Organization(row.id, row.slug, row.name)

    def get_slug(self, organization_id: str) -> str:
        """The short name of an organization. Raises NotFound."""
        query = select(organizations.c.slug).where(organizations.c.id == organization_id)
        with self._database.read() as connection:
            slug: str | None = connection.execute(query).scalar_one_or_none()
        if slug is None:
            raise NotFound("There is no such organization.")
        return slug

    def get(self, slug: str = "default") -> Organization:
        """The organization `slug`. Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute(
                select(organizations).where(organizations.c.slug == slug)
            ).one_or_none()
        if row is None:
            raise NotFound("There is no such organization.")
        return Organization(row.id, row.slug, row.name)
