"""Campus IT by its campus account: which administrator an identity of a provider is."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, String, Table, UniqueConstraint, insert, select
from sqlalchemy.exc import IntegrityError

from mentorai.core.admins import EMAIL, Admin, admins, insert_admin, read_admin
from mentorai.core.database import Database, metadata
from mentorai.core.errors import SignOnRejected
from mentorai.core.identifiers import new_id
from mentorai.core.sign_ons import SUBJECT_LENGTH
from mentorai.core.values import Identity

admin_identities = Table(
    "admin_identities",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("admin_id", ForeignKey("admins.id", ondelete="CASCADE"), nullable=False),
    Column("authority", String(200), nullable=False),
    Column("subject", String(SUBJECT_LENGTH), nullable=False),
    UniqueConstraint("organization_id", "authority", "subject"),
)


@dataclass(frozen=True, slots=True)
class AdminIdentities:
    """The administrators of every organization, by who vouches for them."""

    database: Database

    def put(self, organization_id: str, identity: Identity) -> Admin:
        """The administrator that this identity is, made if nobody is yet. They have no password.

        An administrator who has the same e-mail address is somebody else, unless campus IT has
        said otherwise (matches_email).
        Raises SignOnRejected when the address is an administrator's who is somebody else.
        """
        try:
            return self._put(organization_id, identity)
        except IntegrityError:
            # The same person signed on in another browser at this moment.
            return self._put(organization_id, identity)

    def _put(self, organization_id: str, identity: Identity) -> Admin:
        who = {
            "organization_id": organization_id,
            "authority": identity.authority,
            "subject": identity.subject,
        }
        email = _name(identity)
        with self.database.write() as connection:
            same = (admin_identities.c[name] == value for name, value in who.items())
            row = connection.execute(
                select(admins)
                .join(admin_identities, admin_identities.c.admin_id == admins.c.id)
                .where(*same)
            ).first()
            if row is not None:
                return read_admin(row)
            row = connection.execute(select(admins).where(admins.c.email == email)).first()
            if row is not None and (
                row.organization_id != organization_id or not identity.matches_email
            ):
                raise SignOnRejected(
                    "An administrator with this e-mail address is here already. Campus IT can "
                    "say that they are the same person (match_email)."
                )
            admin = read_admin(row) if row else insert_admin(connection, organization_id, email)
            connection.execute(
                insert(admin_identities).values(id=new_id(), admin_id=admin.id, **who)
            )
            return admin


def _name(identity: Identity) -> str:
    """How the administrator is called here: by e-mail address, or by what the provider says."""
    email = (identity.email or "").strip().casefold()
    if EMAIL.fullmatch(email):
        return email
    return f"{identity.subject} ({identity.authority})"[:254]
