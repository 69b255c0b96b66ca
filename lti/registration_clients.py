"""How a platform lets us read and change our own registration there: an address and a token.

Source: OAuth 2.0 Dynamic Client Registration Management (RFC 7592), section 2.
"""

from dataclasses import dataclass

from sqlalchemy import JSON, Column, ForeignKey, Table, Text, delete, insert, select

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import NotFound
from mentorai.core.sealing import Seal
from mentorai.core.settings import Settings
from mentorai.lti.tool_description import Supported

registration_clients = Table(
    "registration_clients",
    metadata,
    Column("registration_id", ForeignKey("registrations.id", ondelete="CASCADE"), primary_key=True),
    Column("url", Text, nullable=False),
    Column("sealed_token", Text, nullable=False),
    Column("offer", JSON, nullable=False),
    Column("updated_at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class RegistrationClient:
    """url and token: registration_client_uri and registration_access_token, as the platform
    gave them. supported: what the platform said that it can do when it registered.
    """

    url: str
    token: str
    supported: Supported


class RegistrationClients:
    """The registrations that their platform lets us change; tokens are sealed."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._seal = Seal(settings)

    def put(self, registration_id: str, client: RegistrationClient) -> None:
        """Keep it, in place of what was kept before."""
        offer = {
            "scopes": sorted(client.supported.scopes),
            "messages": sorted(client.supported.messages),
            "variables": sorted(client.supported.variables),
        }
        with self._database.write() as connection:
            connection.execute(
                delete(registration_clients).where(
                    registration_clients.c.registration_id == registration_id
                )
            )
            connection.execute(
                insert(registration_clients).values(
                    registration_id=registration_id,
                    url=client.url,
                    sealed_token=self._seal.close(client.token),
                    offer=offer,
                    updated_at=now(),
                )
            )

    def get(self, registration_id: str) -> RegistrationClient:
        """What is kept of a registration that the caller has found in its organization.

        Raises NotFound if the platform gave nothing; ConfigurationError if the seal does not fit.
        """
        query = select(registration_clients).where(
            registration_clients.c.registration_id == registration_id
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFound(
                "This LMS gave no way to change its registration from here; change it in the LMS."
            )
        return RegistrationClient(
            row.url,
            self._seal.open(row.sealed_token),
            Supported(
                scopes=frozenset(row.offer.get("scopes", ())),
                messages=frozenset(row.offer.get("messages", ())),
                variables=frozenset(row.offer.get("variables", ())),
            ),
        )
