"""The order in which PostgreSQL's rows are locked, so that no two transactions wait for each other.

Parents come before what hangs on them, whether a transaction changes them or only holds them:

    organization (whoever writes many of its people)
    attempt, then clocks of mentors (who holds a clock holds all its grades), rows of the outbox
        that are leased, rests of platforms, rows that wait, clocks of scores
    mentor, then its documents and what was read of them
    registration, then its tokens and what is known of its grades and ids
    roster, then its members
    and last of all the webhooks, in the order of their ids

Rows of one table that change together are held in the order of their primary key. What is old is
deleted by whoever comes first; others leave those rows alone, and nobody waits for them.
On SQLite one transaction writes at a time, and none of this is needed.
"""

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    Table,
    column,
    delete,
    select,
    table,
    tuple_,
)

_registrations = table("registrations", column("id", String))


def hold_rows(
    connection: Connection, rows: Table, *which: ColumnElement[bool], to_delete: bool = False
) -> None:
    """Lock the rows that are to be changed or deleted together, one after the other."""
    if connection.dialect.name == "sqlite":
        return
    key = rows.primary_key.columns
    held = select(*key).where(*which).order_by(*key)
    connection.execute(held.with_for_update(key_share=not to_delete))


def hold_registration(connection: Connection, registration_id: str) -> None:
    """Keep a registration, whose table is none of the core's, from being deleted meanwhile.

    It locks nothing that is only changed. For a transaction that puts rows below it in the place
    of others: whoever deletes the registration goes the other way.
    """
    if connection.dialect.name == "sqlite":
        return
    held = select(_registrations.c.id).where(_registrations.c.id == registration_id)
    connection.execute(held.with_for_update(read=True, key_share=True))


def delete_old(connection: Connection, rows: Table, *which: ColumnElement[bool]) -> None:
    """Delete rows that nobody needs any more, but for those that somebody else is at."""
    if connection.dialect.name == "sqlite":
        connection.execute(delete(rows).where(*which))
        return
    key = rows.primary_key.columns
    free = select(*key).where(*which).with_for_update(skip_locked=True)
    connection.execute(delete(rows).where(*which, tuple_(*key).in_(free)))
