"""API keys are kept in the order of their id as a number, so that a check goes down one tree."""

import string
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
ROWS = 5_000
# SQLite keeps rows in the order of their key only if it is of the type INTEGER, whatever its size.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
keys = sa.table("api_keys", sa.column("id", sa.String), sa.column("number", sa.BigInteger))


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("number", NUMBER, nullable=True))
    connection = op.get_bind()
    for ids in _read_ids(connection):
        _number(connection, ids)
    with op.batch_alter_table("api_keys") as batch:
        batch.alter_column("number", existing_type=NUMBER, nullable=False)
        batch.drop_constraint("pk_api_keys", type_="primary")
        batch.create_primary_key("pk_api_keys", ["number"])
        batch.create_unique_constraint("uq_api_keys_id", ["id"])


def _read_ids(connection: sa.Connection) -> Iterator[Sequence[str]]:
    """All ids, ROWS at a time: there may be a million."""
    query = sa.select(keys.c.id).order_by(keys.c.id).limit(ROWS)
    ids = connection.execute(query).scalars().all()
    while ids:
        yield ids
        ids = connection.execute(query.where(keys.c.id > ids[-1])).scalars().all()


def _number(connection: sa.Connection, ids: Sequence[str]) -> None:
    numbers = [{"key": key_id, "as_number": _read_number(key_id)} for key_id in ids]
    which = keys.c.id == sa.bindparam("key")
    connection.execute(
        sa.update(keys).where(which).values(number=sa.bindparam("as_number")), numbers
    )


def _read_number(key_id: str) -> int:
    number = 0
    for digit in key_id:
        number = number * len(DIGITS) + DIGITS.index(digit)
    return number


def downgrade() -> None:
    with op.batch_alter_table("api_keys") as batch:
        batch.drop_constraint("uq_api_keys_id", type_="unique")
        batch.drop_constraint("pk_api_keys", type_="primary")
        batch.create_primary_key("pk_api_keys", ["id"])
        batch.drop_column("number")
