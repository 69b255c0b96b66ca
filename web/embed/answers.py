"""A student's answers on their way from a form, and back onto a page."""

from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug.datastructures import ImmutableMultiDict

from mentorai.core.attempts import Attempt


def read_answers(attempt: Attempt, form: ImmutableMultiDict[str, str]) -> dict[str, Any]:
    """The answers in a form whose fields are called `answer-<question id>`.

    A field that is not there takes its answer back: an unticked box sends nothing. What is no
    answer to its question is passed on as it is, for the marking to refuse.
    """
    read: dict[str, Any] = {}
    for question in attempt.questions:
        name = f"answer-{question['id']}"
        texts = form.getlist(name)
        read[question["id"]] = _read_one(question["kind"], texts)
    return read


def say_answer(options: Sequence[str], answer: Any) -> str:
    """An answer in words; empty when there is none."""
    if answer is None:
        return ""
    if isinstance(answer, bool):
        return "True" if answer else "False"
    if isinstance(answer, list):
        return "; ".join(options[place] for place in answer)
    return options[answer] if isinstance(answer, int) else str(answer)


def unanswered(attempt: Attempt) -> list[int]:
    """The numbers of the questions that have no answer yet."""
    return [
        n
        for n, question in enumerate(attempt.questions, start=1)
        if not _is_there(attempt.answers, question)
    ]


def _is_there(answers: Mapping[str, Any], question: Mapping[str, Any]) -> bool:
    return answers.get(question["id"]) not in (None, "", [])


def _read_one(kind: str, texts: Sequence[str]) -> Any:
    if kind == "choices":
        return [_whole(text) for text in texts]
    text = texts[0] if texts else ""
    if not text:
        return None
    if kind == "choice":
        return _whole(text)
    if kind == "true_false":
        return {"true": True, "false": False}.get(text, text)
    return text


def _whole(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else text
