"""Scores: what the tool says a person reached in a line item.

Source: LTI Assignment and Grade Services 2.0, section 3.4; what each LMS makes of it is in the
score traits of its personality.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from mentorai.plugins.sandbox.grades import (
    ACTIVITY,
    Gradebook,
    add_path,
    column_url,
    get_course,
    is_number,
    read_instant,
)
from mentorai.plugins.sandbox.memberships import list_memberships
from mentorai.plugins.sandbox.personalities.traits import ScoreTraits, Submission
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import PEOPLE, Course
from mentorai.plugins.sandbox.shelf import Record
from mentorai.plugins.sandbox.wire import Call, Refused, Reply

SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
# Ids of people as an LMS with numbers has them, and as the sandbox itself has.
_PERSON_ID = re.compile(r"\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GRADING = ("FullyGraded", "Pending", "PendingManual", "Failed", "NotReady")


@dataclass(frozen=True, slots=True)
class Score:
    """One score as it was read. given: in the points of `maximum`; None: it brings no grade."""

    body: Mapping[str, Any]
    user_id: str
    at: datetime
    given: float | None
    maximum: float
    comment: str | None

    def sets_grade(self, traits: ScoreTraits) -> bool:
        """Whether this LMS makes a grade of it."""
        return self.body["gradingProgress"] in traits.graded

    def clears(self, traits: ScoreTraits) -> bool:
        """Whether this LMS takes the grade away for it."""
        progress = (self.body["gradingProgress"], self.body["activityProgress"])
        if traits.clears == "reset":
            return progress == ("NotReady", "Initialized")
        is_ungraded = self.given is None or not self.sets_grade(traits)
        return traits.clears == "ungraded" and is_ungraded

    def scale(self, column_maximum: float, *, clamped: bool) -> float | None:
        """The points of the column."""
        if self.given is None:
            return None
        whole = round(self.given / (self.maximum or 1) * column_maximum, 4)
        return min(max(whole, 0), column_maximum) if clamped else whole


class Scores:
    """The scores of one platform; each that is taken is kept as it was sent."""

    def __init__(self, platform: SandboxPlatform, gradebook: Gradebook) -> None:
        self._platform, self._gradebook = platform, gradebook
        self._shelf = platform.shelf

    def take(self, call: Call, course_id: str, column_id: str) -> Reply:
        """POST of a score. Raises Refused."""
        with self._shelf.lock:
            column = self._gradebook.get_column(course_id, column_id)
            course, received = get_course(self._platform, course_id), self._platform.now()
            traits = self._platform.personality.scores
            score = read_score(call.read_json(SCORE_TYPE), column, traits)
            user_id = self._platform.ids.read("person", score.user_id)
            score = replace(score, user_id=traits.read_person(self._platform, user_id))
            submission = traits.read_submission(score.body, received)
            self._check_gradable(course, score.user_id, traits)
            key = f"{column_id}/{score.user_id}"
            last = self._shelf.find("result", key)
            self._check_newer(last, score.at, traits)
            _check_open(column, last or {}, submission, traits)
            self._check_files(submission)
            record = self._keep(column, score, received)
            result = _settle(column, score, submission, last or {}, record["received"], traits)
            if result is not None:
                self._shelf.put("result", key, result)
        return self._answer(column, score, submission, traits)

    def _keep(self, column: Record, score: Score, received: datetime) -> Record:
        number = len(self._shelf.list("score")) + 1
        record = {"n": number, "line_item": column["id"], "user_id": score.user_id}
        record |= {"course": column["course"], "received": received.isoformat()}
        record["body"] = dict(score.body)
        return self._shelf.put("score", str(number), record)

    def _check_gradable(self, course: Course, user_id: str, traits: ScoreTraits) -> None:
        taken = ("Active", "Inactive") if traits.takes_suspended else ("Active",)
        students = {
            each.person.sub
            for each in list_memberships(self._platform, course)
            if (each.status in taken and (each.person.kind == "student" or traits.takes_staff))
            or traits.takes_anybody
        }
        if traits.crashes_on_names and not _PERSON_ID.fullmatch(user_id):
            raise Refused(502, "Bad Gateway", rule="score_crash")
        if traits.tells_strangers and user_id not in {person.sub for person in PEOPLE}:
            raise Refused(404, "There is nobody of this id.", rule="score_stranger")
        if user_id not in students:
            words = "This user is not a student of the course."
            raise Refused(422, words, rule="score_person")

    def _check_newer(self, result: Record | None, at: datetime, traits: ScoreTraits) -> None:
        if result is None or traits.any_times:
            return
        by_receipt = self._platform.behaviour.score_times == "received"
        last = datetime.fromisoformat(result["received" if by_receipt else "at"])
        if traits.whole_seconds:
            at, last = at.replace(microsecond=0), last.replace(microsecond=0)
        if at < last or (at == last and not traits.equal_times):
            words = "There is a score with this timestamp or a later one."
            raise Refused(409, words, rule="score_older")

    def _check_files(self, submission: Submission) -> None:
        trouble = self._platform.behaviour.file_trouble
        if submission.has_files and trouble != "none":
            raise Refused(500, "The files could not be fetched.", rule=f"files_{trouble}")

    def _answer(
        self, column: Record, score: Score, submission: Submission, traits: ScoreTraits
    ) -> Reply:
        if traits.answers == "nothing":
            return Reply(traits.status)
        if traits.answers == "score":
            return Reply.of(dict(score.body), SCORE_TYPE, status=traits.status)
        told = self._platform.ids.tell(score.user_id)
        url = add_path(column_url(self._platform, column), f"/results/{told}")
        return Reply.of({"resultUrl": url, **submission.shown}, status=traits.status)


def read_score(body: Mapping[str, Any], column: Record, traits: ScoreTraits) -> Score:
    """A score from its JSON (AGS 2.0, section 3.4.1). Raises Refused."""
    user_id = body.get("userId")
    if traits.is_loose and isinstance(user_id, int) and not isinstance(user_id, bool):
        user_id = str(user_id)
    if not isinstance(user_id, str):
        raise Refused(400, "userId is missing.", rule="score_shape")
    for name, known in (("activityProgress", ACTIVITY), ("gradingProgress", GRADING)):
        word = body.get(name)
        if word not in known and not (traits.is_loose and isinstance(word, str)):
            raise Refused(400, f"{name} is missing or unknown.", rule="score_shape")
    comment = body.get("comment")
    if not isinstance(body.get("comment", ""), str):
        raise Refused(400, "comment must be text.", rule="score_shape")
    given, maximum = _read_points(body, column, traits)
    at = _read_time(body.get("timestamp"), traits)
    return Score(body, user_id, at, given, maximum, comment)


def _read_points(
    body: Mapping[str, Any], column: Record, traits: ScoreTraits
) -> tuple[float | None, float]:
    given, maximum = body.get("scoreGiven"), body.get("scoreMaximum")
    if given is None:
        return None, 1
    if traits.is_loose:
        given, maximum = _read_number(given), _read_number(maximum)
        maximum = column["scoreMaximum"] if maximum == 0 else maximum
    if not is_number(given) or (given < 0 and not traits.clamps):
        raise Refused(422, "scoreGiven must be a number, zero or more.", rule="score_given")
    if not is_number(maximum) or maximum <= 0:
        raise Refused(422, "scoreMaximum must be a number above zero.", rule="score_maximum")
    return given, maximum


def _read_number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _read_time(text: object, traits: ScoreTraits) -> datetime:
    if traits.is_loose and isinstance(text, str):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
    return read_instant(text, "timestamp")


def _check_open(column: Record, last: Record, submission: Submission, traits: ScoreTraits) -> None:
    """Raise Refused when the column takes no more: a teacher locked it, or attempts are used up."""
    if traits.locks and column.get("locked"):
        raise Refused(403, "A teacher locked this line item.", rule="score_locked")
    allowed = column.get("attempts_allowed")
    if allowed and _is_another(last, submission) and last.get("attempts", 0) >= allowed:
        raise Refused(422, "The maximum number of attempts is used up.", rule="score_attempts")


def _is_another(last: Record, submission: Submission) -> bool:
    """Whether this is an attempt besides those that there were."""
    at = submission.submitted_at
    return submission.is_new and not (at and at == last.get("submitted_at"))


def _settle(
    column: Record,
    score: Score,
    submission: Submission,
    last: Record,
    received: str,
    traits: ScoreTraits,
) -> Record | None:
    """What the column holds for the person after this score; None: as before.

    last: what it held; empty: nothing yet.
    """
    is_cleared = score.clears(traits) and not submission.preserves
    if not (score.sets_grade(traits) or is_cleared or traits.keeps_attempts):
        return None
    if last.get("overridden") and (traits.keeps_overridden or submission.yields):
        return None
    result: Record = {"line_item": column["id"], "user_id": score.user_id}
    result |= {"at": score.at.isoformat(), "received": received}
    result |= {"comment": _show_comment(score, traits), "maximum": column["scoreMaximum"]}
    if is_cleared:
        result["given"] = None
    elif not score.sets_grade(traits) or (score.given is None and submission.preserves):
        result["given"] = last.get("given")
    else:
        result["given"] = _find_points(column, score, traits)
    if traits.keeps_attempts:
        result |= _add_attempt(score, submission, last)
    if traits.changes_only and last and _holds_same(last, result):
        result["received"] = last["received"]
    return result


def _show_comment(score: Score, traits: ScoreTraits) -> str:
    comment = score.comment or ""
    return " ".join(comment.splitlines()) if traits.shows_html else comment


def _find_points(column: Record, score: Score, traits: ScoreTraits) -> float | None:
    points = score.scale(column["scoreMaximum"], clamped=traits.clamps)
    if points is None or not column.get("pass_fail"):
        return points
    return float(column["scoreMaximum"]) if points > 0 else 0.0


def _add_attempt(score: Score, submission: Submission, last: Record) -> Record:
    """The attempts and comments of a person with this one: nothing of them is ever replaced."""
    comments = [*last.get("comments", ()), *([score.comment] if score.comment else ())]
    return {
        "attempts": last.get("attempts", 0) + _is_another(last, submission),
        "submitted_at": submission.submitted_at or last.get("submitted_at", ""),
        "comments": comments,
        "comment": comments[-1] if comments else "",
    }


def _holds_same(last: Record, result: Record) -> bool:
    return (last["given"], last["comment"]) == (result["given"], result["comment"])
