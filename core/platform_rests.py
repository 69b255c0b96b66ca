"""Platforms that are left alone for a while, so that one that is down delays only its own grades.

After several calls in a row without a good answer a platform rests. Its rows stay as they are,
untried and uncounted; when the rest is over, one of them goes first. If it is answered, all follow
at once; if not, the next rest is longer. A platform that asked us to wait rests as long as it
asked. All workers share this: each would else have to find it out by itself.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    Integer,
    Row,
    String,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import MentorAIError, PlatformReplyInvalid, PlatformUnavailable
from mentorai.core.prepared import Prepared, count_changed, read_row
from mentorai.core.retries import asked_seconds

# A call without any answer weighs four: five in a row, or twenty answers that were no good ones,
# since some platforms answer 500 for one locked grade.
ENOUGH = 20
NO_ANSWER, BAD_ANSWER = 4, 1
REST_SECONDS = (5, 10, 20, 40, 60)
# Who goes first has so long; then another may.
TRIAL = timedelta(seconds=45)

platform_rests = Table(
    "platform_rests",
    metadata,
    Column("registration_id", String(36), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("rests", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    Column("rests_until", Instant, nullable=False),
)

# Made once: for a statement that runs with every score, making it costs more than running it.
_MINE = platform_rests.c.registration_id == bindparam("whose")
_FIND = Prepared(select(platform_rests).where(_MINE))
_HOLD = select(platform_rests).where(_MINE).with_for_update()
_GO_FIRST = Prepared(
    update(platform_rests)
    .where(_MINE, platform_rests.c.rests_until <= bindparam("moment"))
    .values(rests_until=bindparam("until"))
)
_END = Prepared(
    delete(platform_rests).where(
        _MINE,
        or_(platform_rests.c.failures > 0, platform_rests.c.rests_until <= bindparam("moment")),
    )
)


def is_resting(registration_id: Any, moment: datetime | BindParameter[datetime]) -> Any:
    """The condition that the platform of a column of registration ids rests."""
    return (
        select(platform_rests.c.registration_id)
        .where(
            platform_rests.c.registration_id == registration_id,
            platform_rests.c.rests_until > moment,
        )
        .exists()
    )


def count_calls(
    connection: Connection, registration_id: str | None, moment: datetime, wanted: int
) -> int:
    """How many of the rows of this platform that want to go may go now.

    After a rest it is one, and it is the caller's then.
    """
    rest = read_row(connection, _FIND, {"whose": registration_id})
    if rest is None:
        return wanted
    if rest.rests_until > moment:
        return 0
    if rest.failures < ENOUGH:
        return wanted
    facts = {"whose": registration_id, "moment": moment, "until": moment + TRIAL}
    return count_changed(connection, _GO_FIRST, facts)


def note_answer(connection: Connection, registration_id: str | None, answer: object) -> bool:
    """Remember how a platform answered; whether that was the end of a rest."""
    moment = now()
    asked = asked_seconds(answer) if isinstance(answer, MentorAIError) else 0.0
    weight = _weigh(answer)
    if registration_id is None or not (weight or asked):
        facts = {"whose": registration_id, "moment": moment}
        return count_changed(connection, _END, facts) == 1
    rest = _put(connection, registration_id, moment)
    failures = rest.failures + weight
    rests, until = rest.rests, max(rest.rests_until, moment + timedelta(seconds=asked))
    # Those that were under way when it began to rest say nothing new.
    if weight and failures >= ENOUGH and (rest.failures < ENOUGH or until > moment):
        pause = REST_SECONDS[min(rests, len(REST_SECONDS) - 1)]
        is_trial = rest.failures >= ENOUGH
        rests, until = rests + (is_trial or not rests), moment + timedelta(seconds=pause)
    connection.execute(
        update(platform_rests)
        .where(platform_rests.c.registration_id == registration_id)
        .values(failures=failures, rests=rests, rests_until=until)
    )
    return False


def find_rest(database: Database, registration_id: str) -> datetime | None:
    """Since when a platform has not answered, if it rests for that."""
    query = select(platform_rests.c.since).where(
        and_(
            platform_rests.c.registration_id == registration_id,
            platform_rests.c.failures >= ENOUGH,
        )
    )
    with database.read() as connection:
        since: datetime | None = connection.execute(query).scalar_one_or_none()
    return since


def _weigh(answer: object) -> int:
    if isinstance(answer, PlatformUnavailable):
        return BAD_ANSWER if answer.is_answer else NO_ANSWER
    return BAD_ANSWER if isinstance(answer, PlatformReplyInvalid) else 0


def _put(connection: Connection, registration_id: str, moment: datetime) -> Row[Any]:
    found = connection.execute(_HOLD, {"whose": registration_id}).one_or_none()
    if found is None:
        first = {"registration_id": registration_id, "failures": 0, "rests": 0}
        try:
            with connection.begin_nested():
                times = {"since": moment, "rests_until": moment}
                connection.execute(insert(platform_rests).values(first | times))
        except IntegrityError:
            pass  # Another worker noted the first one at this moment.
        found = connection.execute(_HOLD, {"whose": registration_id}).one()
    return found
