"""column, score, results: a grade on its way into the gradebook, and read back from there."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from mentorai.core.clock import now
from mentorai.core.errors import MentorAIError, NoLineItem, PlatformError, ScoreRejected, ScoreStale
from mentorai.core.values import (
    ActivityProgress,
    GradePlace,
    GradeService,
    GradingProgress,
    LineItem,
    Receipt,
    Result,
    Score,
)
from mentorai.plugins.sandbox.certification.case import Failed, LeftOut, expect
from mentorai.plugins.sandbox.certification.wire import Heard
from mentorai.plugins.sandbox.conformance.bench import (
    POINTS,
    STUDENT,
    Bench,
    describe,
    get_course,
    get_person,
)
from mentorai.plugins.sandbox.conformance.case import PluginCase, about
from mentorai.plugins.sandbox.grades import columns_url
from mentorai.plugins.sandbox.oidc import GRADE_SCOPES
from mentorai.plugins.sandbox.shelf import Record

COMMENT = "Well reasoned: the second answer too."
TO_EACH = ("maya", "ruth", "tomas")
STUDENTS = ("maya", "tomas", "private")


def make_score(person: str = STUDENT, given: float | None = 8.0, **facts: Any) -> Score:
    """A final score of this moment, in whole seconds."""
    at = facts.pop("at", None) or now().replace(microsecond=0)
    return Score(get_person(person).sub, given, POINTS, at, **facts)


def push(bench: Bench, line_item: LineItem, score: Score) -> Receipt:
    """Bring one score as the outbox does. Raises LeftOut if it is not the plugin's after all."""
    receipt = bench.ask(
        "push_score", engine=bench.engine, platform=bench.facts, line_item=line_item, score=score
    )
    if receipt is None:
        raise LeftOut("push_score gave None for its own family, so lti_launch sends the score")
    if not isinstance(receipt, Receipt) or receipt.received_at.utcoffset() is None:
        raise Failed(f"push_score gave {describe(receipt)}, and no Receipt with an aware time")
    return receipt


def find_held(bench: Bench, line_item: LineItem, person: str = STUDENT) -> dict[str, Any]:
    """What the gradebook holds for a person; empty if nothing."""
    column_id = bench.column_ids[line_item.url]
    found = bench.platform.house.gradebook.find_result(column_id, get_person(person).sub)
    return dict(found or {})


def hear_scores(bench: Bench, line_item: LineItem) -> list[Heard]:
    """The scores that reached a column, in order, taken or not."""
    path = line_item.url.partition("?")[0].removeprefix(bench.platform.base_url)
    return bench.platform.wire.heard(f"{path}/scores", "POST")


def _is_taken(bench: Bench) -> str:
    column, before = bench.add_column(), now()
    receipt = push(bench, column, make_score())
    held = find_held(bench, column)
    expect(held, _explain_absence(bench))
    expect(held["given"] == 8.0, f"the gradebook holds {held['given']} of {POINTS:g}")
    expect(before <= receipt.received_at <= now(), f"received_at is {receipt.received_at}, not now")
    return f"8 of {POINTS:g}"


def _explain_absence(bench: Bench) -> str:
    seen = [f"{each.method} {each.path} {each.status}" for each in bench.platform.wire.heard("")]
    return (
        "the gradebook holds nothing. The sandbox speaks AGS alone; the last that reached it: "
        f"{'; '.join(seen[-2:]) or 'nothing'}"
    )


def _is_exact(bench: Bench) -> str:
    for given in (0.0, POINTS, 3.3333, POINTS * 1.2):
        column = bench.add_column()
        push(bench, column, make_score(given=given))
        held = find_held(bench, column).get("given")
        wanted = min(given, POINTS) if bench.lms.personality.scores.clamps else given
        expect(held == round(wanted, 4), f"{given:g} of {POINTS:g} became {held}")
    return "nothing, everything, a third and more than everything arrive as they are"


def _moves_on(bench: Bench) -> str:
    column, first = bench.add_column(), now().replace(microsecond=0)
    for seconds, given in ((0, 4.0), (1, 9.0), (2, 7.0)):
        push(bench, column, make_score(given=given, at=first + timedelta(seconds=seconds)))
        held = find_held(bench, column).get("given")
        expect(held == given, f"after {given:g} the gradebook holds {held}")
    times = [_read_time(each) for each in hear_scores(bench, column)]
    rising = all(a < b for a, b in pairwise(times))
    expect(rising, f"the times on the wire do not rise: {', '.join(map(str, times))}")
    whole = {each.replace(microsecond=0) for each in times}
    expect(len(whole) == len(times), "two scores have a time in the same second")
    return "three within three seconds, each a second later; the newest counts"


def _read_time(heard: Heard) -> datetime:
    try:
        return datetime.fromisoformat(str(heard.read_json().get("timestamp"))).astimezone(UTC)
    except ValueError as error:
        raise Failed("a score went without a time that can be read") from error


def _is_stale(bench: Bench) -> str:
    column, at = bench.add_column(), now().replace(microsecond=0)
    push(bench, column, make_score(given=9.0, at=at))
    try:
        push(bench, column, make_score(given=2.0, at=at - timedelta(minutes=5)))
    except ScoreStale:
        pass
    except MentorAIError as error:
        raise Failed(f"an older score raised {type(error).__name__}, and not ScoreStale") from error
    if bench.lms.personality.scores.any_times:
        return "this LMS looks at no time of a score: what the worker sends last counts"
    held = find_held(bench, column).get("given")
    expect(held == 9.0, f"an older score replaced a newer one: {held}")
    return "an older score does not replace a newer one"


def _is_sent_again(bench: Bench) -> str:
    """At least once: a worker that died before it settled sends the same again, a second later."""
    column, at = bench.add_column(), now().replace(microsecond=0)
    seen = []
    for seconds in (0, 1):
        push(bench, column, make_score(comment=COMMENT, at=at + timedelta(seconds=seconds)))
        seen.append(str(find_held(bench, column).get("comment")))
    held = find_held(bench, column)
    expect(held.get("given") == 8.0, f"the gradebook holds {held.get('given')}")
    expect(seen[0] == seen[1], f"the comment was {seen[0]!r} and became {seen[1]!r}")
    attempts = held.get("attempts", 1)
    # None at all is right where a grade is no submission.
    expect(attempts <= 1, f"the LMS counts {attempts} attempts")
    bodies = [each.read_json() for each in hear_scores(bench, column)]
    for body in bodies:
        body.pop("timestamp", None)
        # Where a comment is added each time, one that is there already stays away.
        body.pop("comment", None)
    expect(all(body == bodies[0] for body in bodies), "the second differs by more than its time")
    return "the same again a second later: one grade, one comment, one attempt"


def _keeps_comments(bench: Bench) -> str:
    column, at = bench.add_column(), now().replace(microsecond=0)
    odd = '<b>Ünïcode</b> & "quotes" 🦀\n' + "x" * 2_000
    push(bench, column, make_score(comment=odd, at=at))
    held = str(find_held(bench, column).get("comment"))
    expect("nïcode" in held, f"the comment became {held[:80]!r}")
    other = bench.add_column()
    push(bench, other, make_score(at=at))
    comment = find_held(bench, other).get("comment")
    expect(not comment, f"a score without a comment went with {comment!r}")
    return "odd letters and a long text arrive; no comment is no comment"


def _wipes_nothing(bench: Bench) -> str:
    column, at = bench.add_column(), now().replace(microsecond=0)
    push(bench, column, make_score(at=at))
    news = make_score(
        given=None,
        at=at + timedelta(seconds=1),
        activity_progress=ActivityProgress.STARTED,
        grading_progress=GradingProgress.NOT_READY,
    )
    try:
        push(bench, column, news)
        seen = "taken, and the grade stands"
    except ScoreRejected as error:
        seen = f"not sent ({error.code}), and the grade stands"
    held = find_held(bench, column).get("given")
    expect(held == 8.0, f"news without a score left {held} in the gradebook")
    return seen


def _answers_each(bench: Bench) -> str:
    column = bench.add_column()
    scores = [make_score(person, given) for person, given in zip(TO_EACH, (5.0, 6.0, 7.0),
                                                                strict=True)]  # fmt: skip
    answers = bench.ask(
        "push_scores", engine=bench.engine, platform=bench.facts, line_item=column, scores=scores
    )
    if answers is None:
        raise LeftOut("push_scores gave None, as where no connection is set up: one by one, then")
    expect(len(answers) == len(scores), f"{len(answers)} answers to {len(scores)} scores")
    for person, answer in zip(TO_EACH, answers, strict=True):
        wanted = MentorAIError if person == "ruth" else Receipt
        expect(isinstance(answer, wanted), f"{person} got {describe(answer)}")
    return "students' scores taken, the instructor's refused, in order"


def _is_left(bench: Bench) -> str:
    """What belongs to another family is not this plugin's to send or to read."""
    column, stranger = bench.add_column(), replace(bench.facts, family="a-stranger")
    asked: dict[str, Any] = {"engine": bench.engine, "platform": stranger, "line_item": column}
    extra: dict[str, dict[str, Any]] = {
        "push_score": {"score": make_score()},
        "push_scores": {"scores": [make_score(), make_score("tomas")]},
        "read_results": {},
    }
    if bench.subject.profile is None:
        raise LeftOut("it serves every family that nobody else does")
    tried = [hook for hook in extra if bench.has(hook)]
    for hook in tried:
        answer = bench.ask(hook, **asked | extra[hook])
        expect(answer is None, f"{hook} for another family gave {describe(answer)}")
    expect(not find_held(bench, column), "another family's score was sent")
    return f"None from {', '.join(tried)}"


def _make_place(bench: Bench, item: str, **service: Any) -> GradePlace:
    found = bench.lms.find_item(get_course(), item)
    if found is None:
        raise Failed(f"The sandbox LMS has no {item}.")
    return GradePlace(
        platform=bench.facts,
        resource_link_id="conformance",
        lms_resource_link_id=found.resource_link_id,
        title="Conformance",
        service=GradeService(scopes=frozenset(GRADE_SCOPES), **service),
        score_maximum=POINTS,
    )


def _find_column(bench: Bench, place: GradePlace) -> LineItem:
    found = bench.ask("find_line_item", engine=bench.engine, place=place)
    if found is None:
        raise LeftOut("find_line_item gave None for its own family, so lti_launch finds the column")
    if not isinstance(found, LineItem):
        raise Failed(f"find_line_item gave {describe(found)}")
    return found


def _column_is_found(bench: Bench) -> str:
    named = bench.add_column().url
    found = _find_column(bench, _make_place(bench, "shore-quiz", line_item_url=named))
    expect(found.url == named, f"the launch named {named}, it found {found.url}")
    place = _make_place(bench, "life-quiz", line_items_url=columns_url(bench.lms, "tidal-pools"))
    made = _find_column(bench, place)
    again = _find_column(bench, place)
    expect(made.url == again.url, f"asked twice it made two: {made.url} and {again.url}")
    return "the one that the launch named; one made, and found again"


def _column_is_absent(bench: Bench) -> str:
    place = _make_place(bench, "life-quiz")
    error = bench.ask_error("find_line_item", engine=bench.engine, place=place)
    expect(isinstance(error, NoLineItem), f"it raised {type(error).__name__}")
    return "NoLineItem"


def _read(bench: Bench, column: LineItem) -> list[Result]:
    found = bench.ask(
        "read_results", _list_or_none, engine=bench.engine, platform=bench.facts, line_item=column
    )
    if found is None:
        raise LeftOut("read_results gave None for its own family, so lti_launch reads them")
    return list(found)


def _list_or_none(answer: Any) -> list[Any] | None:
    return None if answer is None else list(answer)


def fill_column(bench: Bench) -> LineItem:
    """A column that holds a grade for each student, as the LMS itself has them."""
    column = bench.add_column()
    column_id = bench.column_ids[column.url]
    moment = now().isoformat()
    for number, person in enumerate(STUDENTS, 1):
        subject = get_person(person).sub
        record: Record = {
            "line_item": column_id,
            "user_id": subject,
            "at": moment,
            "received": moment,
        }
        record |= {"comment": "", "maximum": POINTS, "given": float(number)}
        bench.lms.shelf.put("result", f"{column_id}/{subject}", record)
    return column


def _results_are_read(bench: Bench) -> str:
    expect(not _read(bench, bench.add_column()), "an empty column has results")
    column = fill_column(bench)
    for size in (50, 1):
        bench.lms.behave({"page_size": size})
        try:
            held = {each.subject: each.given for each in _read(bench, column)}
        finally:
            bench.lms.behave({"page_size": 50})
        wanted = {get_person(person).sub: float(n) for n, person in enumerate(STUDENTS, 1)}
        expect(held == wanted, f"in pages of {size}: {len(held)} of {len(wanted)}, {held}")
    return f"none of none, {len(STUDENTS)} of {len(STUDENTS)}, in one page and in many"


def _results_break_off(bench: Bench) -> str:
    column = fill_column(bench)
    for kind, status in (("status", 500), ("garbage", 500)):
        bench.lms.faults.add("results", kind, status=status)
        try:
            error = bench.ask_error(
                "read_results", _list_or_none,
                engine=bench.engine, platform=bench.facts, line_item=column,
            )  # fmt: skip
        finally:
            bench.lms.faults.clear()
        expect(isinstance(error, PlatformError), f"{kind}: it raised {type(error).__name__}")
    return "an error of the LMS, whatever came instead"


CASES: Sequence[PluginCase] = (
    about("find_line_item", "column.found", "a column is found, or made once",
          "a place whose column the launch named, and one that has none yet",
          "the named one; one made, and the same when asked again", _column_is_found),
    about("find_line_item", "column.absent", "no column can be had",
          "a place of a launch without grade services", "NoLineItem", _column_is_absent),
    about("push_score", "score.taken", "a score arrives", "8 of 10",
          "in the gradebook, and a Receipt of now", _is_taken),
    about("push_score", "score.exact", "points arrive as they are",
          "0, all, a third, more than all", "the same points", _is_exact),
    about("push_score", "score.later", "a newer score replaces an older one",
          "three scores, each a second after the other",
          "the newest counts; times on the wire rise by whole seconds", _moves_on),
    about("push_score", "score.stale", "an older score does not", "a score of five minutes ago",
          "ScoreStale, or nothing changes", _is_stale),
    about("push_score", "score.again", "sending again is harmless",
          "the same score, a second later", "one grade, one attempt, one comment",
          _is_sent_again),
    about("push_score", "score.comment", "comments arrive whole, or not at all",
          "a long comment of odd letters, and none", "the comment; nothing", _keeps_comments),
    about("push_score", "score.progress", "news wipes no grade",
          "news without a score, after a grade", "the grade stands", _wipes_nothing),
    about("push_score push_scores read_results", "score.others", "others' grades are left alone",
          "a platform of another family", "None", _is_left),
    about("push_scores", "scores.each", "many scores have an answer each",
          "two students and their instructor", "a Receipt or an error for each, in order",
          _answers_each),
    about("read_results", "results.read", "results are read whole",
          "a column without grades, and one with three, also in pages of one",
          "each grade once", _results_are_read),
    about("read_results", "results.broken", "results that break off are no results",
          "a failing server, and a page instead of an answer", "a PlatformError",
          _results_break_off),
)  # fmt: skip
