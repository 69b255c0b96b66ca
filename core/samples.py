"""Looks, once an hour, at what became of scores that were sent lately, in a few gradebook columns.

An LMS may answer well to a score and keep another grade all the same: Moodle does where a teacher
changed it. Nobody hears of that until somebody compares; so some columns are compared unasked, and
what a teacher put there is shown beside the grade. Nothing is sent for it.
"""

import random
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import select

from mentorai.core.clock import now
from mentorai.core.grades import grades
from mentorai.core.reconciliation import reconcile

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

# Quizzes that are compared of all that took part in this time: a call or two each.
QUIZZES = 10
LATELY = timedelta(hours=1)
# Some LMSs show a grade a little after they took it.
SETTLED = timedelta(minutes=1)
log = structlog.get_logger(__name__)


def compare_some(engine: "Engine") -> int:
    """Compare a few quizzes whose scores were sent lately; how many."""
    moment = now()
    query = (
        select(grades.c.organization_id, grades.c.mentor_id, grades.c.quiz_id)
        .where(
            grades.c.sync_status == "sent",
            grades.c.sync_sent_at.between(moment - LATELY - SETTLED, moment - SETTLED),
            grades.c.quiz_id.is_not(None),
        )
        .distinct()
    )
    with engine.database.read() as connection:
        found = connection.execute(query).all()
    chosen = random.sample(found, min(QUIZZES, len(found)))
    for organization_id, mentor_id, quiz_id in chosen:
        result = reconcile(engine, organization_id, mentor_id, quiz_id)
        log.info(
            "gradebook_sampled",
            quiz=quiz_id,
            overridden=result.count("overridden"),
            missing=result.count("missing"),
        )
    return len(chosen)
