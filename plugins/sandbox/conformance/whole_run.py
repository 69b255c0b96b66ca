"""run: what shows only over a whole run, and when many ask at once."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from mentorai.core.values import Session
from mentorai.plugins.sandbox.certification.case import Failed, expect
from mentorai.plugins.sandbox.conformance.bench import Bench, describe, get_person
from mentorai.plugins.sandbox.conformance.case import PluginCase, about, always
from mentorai.plugins.sandbox.conformance.scores import STUDENTS, find_held, make_score, push

AT_ONCE, ROUNDS = 8, 5
PEOPLE = ("maya", "tomas", "private", "ruth")


def _ask_at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each gives when all begin at the same moment. Raises what the first of them raised."""
    gate, answers = threading.Barrier(len(acts)), [None] * len(acts)
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            gate.wait(10)
            answers[number] = acts[number]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return answers


def _thinks_at_once(bench: Bench) -> str:
    """Each answer is that of its own question, whatever is asked beside it."""
    tried = []
    for hook, questions in _list_questions(bench).items():
        if not bench.has(hook):
            continue
        alone = [bench.ask(hook, **question) for question in questions]
        for _ in range(ROUNDS):
            acts = [
                lambda hook=hook, question=question: bench.ask(hook, **question)
                for question in (questions * AT_ONCE)[:AT_ONCE]
            ]
            for number, answer in enumerate(_ask_at_once(acts)):
                wanted = alone[number % len(questions)]
                mixed = f"{hook} gave {describe(answer)} where it gives {describe(wanted)} alone"
                expect(answer == wanted, mixed)
        tried.append(hook)
    return f"{AT_ONCE} at once, as each alone: {', '.join(tried)}"


def _list_questions(bench: Bench) -> dict[str, list[dict[str, Any]]]:
    launches = [bench.launch(person) for person in PEOPLE]
    sessions = [_session_of(bench, person) for person in PEOPLE]
    own, issuer = bench.subject.code, bench.registration.issuer
    return {
        "recognise_platform": [
            {"issuer": issuer, "family_code": code} for code in (own, "a-stranger", "", f"{own} ")
        ],
        "refine_launch": [{"platform": each.platform, "launch": each} for each in launches],
        "judge_launch": [{"launch": each} for each in launches],
        "judge_turn": [{"session": each, "message": "Why?"} for each in sessions],
        "frame_ancestors": [{"engine": bench.engine, "session": each} for each in sessions],
    }


def _session_of(bench: Bench, person: str) -> Session:
    return replace(bench.session(), id=f"session-{person}", person_id=get_person(person).sub)


def _sends_at_once(bench: Bench) -> str:
    """Workers send several people's scores at the same time."""
    columns = [bench.add_column() for _ in range(2)]
    wanted = [
        (column, person, float(number))
        for number, (column, person) in enumerate(((c, p) for c in columns for p in STUDENTS), 1)
    ]
    acts = [
        lambda c=column, p=person, given=given: push(bench, c, make_score(p, given))
        for column, person, given in wanted
    ]
    _ask_at_once(acts)
    for column, person, given in wanted:
        held = find_held(bench, column, person).get("given")
        expect(held == given, f"{given:g} was sent, and {held} is there")
    return f"{len(wanted)} scores at once, each where it belongs"


def _answers_in_time(bench: Bench) -> str:
    if bench.hung:
        said = ", ".join(f"{hook} in {seconds:g} s" for hook, seconds in bench.hung.items())
        raise Failed(f"no answer from {said}")
    return "every hook answered in time"


def _keeps_secrets(bench: Bench) -> str:
    found = bench.find_secrets()
    expect(not found, f"in the log, or printed: {', '.join(found)}")
    return f"{bench.count_heard()} characters were logged and printed, none of them a secret"


def _keeps_its_place(bench: Bench) -> str:
    strays = bench.find_strays()
    name = bench.subject.name
    expect(not strays, f"not in plugins/{name}/: {', '.join(strays[:5])}")
    return "nothing outside its own folder of the data directory"


THINKING = "recognise_platform refine_launch judge_launch judge_turn frame_ancestors"
CASES: Sequence[PluginCase] = (
    about(THINKING, "run.threads", "it thinks for many at once",
          f"{AT_ONCE} questions at the same moment, {ROUNDS} times", "each as it is alone",
          _thinks_at_once),
    about("push_score", "run.workers", "it sends for many at once",
          "scores of three people in two columns at the same moment",
          "each where it belongs", _sends_at_once),
    always("run.time", "every hook answers in time", "everything above",
           "5 seconds; 45 where the LMS is called", _answers_in_time),
    always("run.secrets", "no secret reaches a log", "everything above",
           "no token, no key, no name, no e-mail address", _keeps_secrets),
    always("run.files", "it writes in its own place", "everything above",
           "files in plugins/<its name>/ of the data directory alone", _keeps_its_place),
)  # fmt: skip
