"""Marking: what an answer is worth. Pure functions; the server alone calls them.

An answer, once read, is JSON: a place (choice), a sorted list of places (choices), true or
false, or the text that was typed (number, text). No answer is None and gives no points.
"""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Literal

from mentorai.core.errors import InputRejected
from mentorai.core.questions import (
    Choice,
    Choices,
    Number,
    Question,
    ShortText,
    Target,
    TrueFalse,
    check_text,
)

Answer = int | list[int] | bool | str | None
Status = Literal["right", "partly", "wrong", "unanswered"]
ANSWER_LENGTH = 500
NUMBER_LENGTH = 60
LARGEST_EXPONENT = 300
DIGITS_KEPT = 5

_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?P<digits>[0-9]*[0-9.,' ]*)(?:(?:[e]|[x*·]10\^?)(?P<power>[+-]?[0-9]{1,4}))?",
    re.ASCII,
)
_GROUPED = re.compile(r"[0-9]{1,3}(?:(?P<mark>[.,' ])[0-9]{3})(?:(?P=mark)[0-9]{3})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Mark:
    """What one answer got, in points of the question's `points`."""

    given: float
    points: float
    status: Status


def read_answers(questions: Sequence[Question], given: Mapping[str, Any]) -> dict[str, Answer]:
    """The answers in a JSON body or a form: question id -> answer; unanswered ones are left out.

    Raises InputRejected with one entry a question ("answers.<id>"); a question that is not in
    this attempt is named "answers" alone.
    """
    known = {question.id: question for question in questions}
    errors: dict[str, list[str]] = {}
    answers: dict[str, Answer] = {}
    for name, raw in given.items():
        if name not in known:
            errors["answers"] = ["There is an answer to a question that is not in this attempt."]
            continue
        try:
            answer = read_answer(known[name], raw)
        except ValueError as error:
            errors[f"answers.{name}"] = [str(error)]
            continue
        if answer is not None:
            answers[name] = answer
    if errors:
        raise InputRejected(errors)
    return answers


def read_answer(question: Question, raw: Any) -> Answer:
    """One answer, or None if there is none. Raises ValueError with a sentence for the person."""
    if raw is None or raw == "" or raw == []:
        return None
    if isinstance(question, Choice):
        return _place(question.options, raw)
    if isinstance(question, Choices):
        if not isinstance(raw, (list, tuple)):
            raise ValueError("A list of options, please.")
        if len(raw) > len(question.options):
            raise ValueError("An option is named twice.")
        return sorted({_place(question.options, one) for one in raw})
    if isinstance(question, TrueFalse):
        return _truth(raw)
    if isinstance(question, Number):
        return _number_as_typed(raw)
    return _typed(raw, ANSWER_LENGTH)


def mark(question: Question, answer: Answer) -> Mark:
    """What a read answer is worth."""
    if answer is None:
        return Mark(0.0, question.points, "unanswered")
    share = _share(question, answer)
    given = round(float(share * Fraction(str(question.points))), DIGITS_KEPT)
    status: Status = "right" if share == 1 else "partly" if share else "wrong"
    return Mark(given, question.points, status)


def add_up(marks: Sequence[Mark]) -> tuple[float, float]:
    """Points given and points there are, of a whole attempt."""
    given = math.fsum(one.given for one in marks)
    maximum = round(math.fsum(one.points for one in marks), DIGITS_KEPT)
    # Thirds kept to five digits must not miss the maximum, nor pass it.
    return min(round(given, DIGITS_KEPT - 1), maximum), maximum


def read_number(text: str) -> list[Decimal]:
    """What a typed number may mean: one reading, or two if a mark is decimal or groups digits.

    Takes a decimal point or comma, digits grouped by comma, point, space or apostrophe, a sign,
    and a power of ten (1.5e3, 1.5x10^3). "1,234" may be 1.234 or 1234. Empty when it is no
    number; never infinite and never "not a number".
    """
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    plain = plain.replace("\u2212", "-").replace("\u00d7", "x").replace("\u2019", "'")
    plain = re.sub(r"\s*([x*·]|e(?=[+-]?[0-9]))\s*", r"\1", re.sub(r"\s+", " ", plain))
    plain = re.sub(r"^([+-])\s+", r"\1", plain)
    found = _NUMBER.fullmatch(plain)
    if not found or len(text) > NUMBER_LENGTH:
        return []
    power = int(found["power"] or 0)
    if abs(power) > LARGEST_EXPONENT:
        return []
    readings = (_decimal(found["sign"] + digits) for digits in _digits(found["digits"].strip()))
    return [one.scaleb(power) for one in readings if one is not None]


def normalise(text: str) -> str:
    """`text` without what does not matter: case, accents, punctuation, spaces, width of letters.

    Only accents of European scripts go; signs that make another letter elsewhere stay.
    """
    for _ in range(2):
        folded = unicodedata.normalize("NFKC", text).casefold()
        apart = unicodedata.normalize("NFKD", folded)
        kept = (c for c in apart if not "\u0300" <= c <= "\u036f")
        text = unicodedata.normalize(
            "NFKC", "".join(c for c in kept if unicodedata.category(c)[0] not in "PZC")
        )
    return text


def _share(question: Question, answer: Answer) -> Fraction:
    if isinstance(question, Choices):
        return _share_of_choices(question, answer if isinstance(answer, list) else [])
    if isinstance(question, Number):
        return Fraction(_is_near(question.answer, read_number(str(answer))))
    if isinstance(question, ShortText):
        return Fraction(any(_fits(pattern, str(answer)) for pattern in question.answer))
    return Fraction(answer == question.answer)


def _share_of_choices(question: Choices, answer: list[int]) -> Fraction:
    right, chosen = set(question.answer), set(answer)
    if question.scoring == "exact":
        return Fraction(chosen == right)
    wrong = len(question.options) - len(right)
    lost = Fraction(len(chosen - right), wrong) if wrong else Fraction(0)
    return max(Fraction(0), Fraction(len(chosen & right), len(right)) - lost)


def _is_near(target: Target, readings: Sequence[Decimal]) -> bool:
    # Decimal, because 0.4 is within 0.1 of 0.3 for a person and not for a float.
    value, tolerance = Decimal(repr(target.value)), Decimal(repr(target.tolerance))
    if target.relative:
        tolerance *= abs(value)
    return any(abs(one - value) <= tolerance for one in readings)


def _fits(pattern: str, answer: str) -> bool:
    parts = [normalise(part) for part in pattern.split("*")]
    text = normalise(answer)
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if len(text) < len(first) + len(last) or not text.startswith(first):
        return False
    if not text.endswith(last):
        return False
    # The earliest place for each part leaves the most room for the rest.
    at, end = len(first), len(text) - len(last)
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _digits(text: str) -> list[str]:
    """The readings of digits with marks among them, in Python's own notation."""
    readings = []
    whole, mark_at_end, rest = _split_at_last_mark(text)
    if not mark_at_end:
        readings.append(text)
    elif mark_at_end in ".," and mark_at_end not in whole:
        bare = whole
        grouped = _GROUPED.fullmatch(whole)
        if grouped:
            bare = whole.replace(grouped["mark"], "")
        readings.append(f"{bare}.{rest}")
    grouped = _GROUPED.fullmatch(text)
    if grouped and grouped["mark"] != ".":
        readings.append(text.replace(grouped["mark"], ""))
    elif grouped and text.count(".") > 1:
        readings.append(text.replace(".", ""))
    return readings


def _split_at_last_mark(text: str) -> tuple[str, str, str]:
    at = max(text.rfind(mark) for mark in ".,' ")
    return (text, "", "") if at < 0 else (text[:at], text[at], text[at + 1 :])


def _decimal(text: str) -> Decimal | None:
    if not any(c.isdigit() for c in text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _place(options: Sequence[str], raw: Any) -> int:
    if isinstance(raw, str) and re.fullmatch("[0-9]{1,3}", raw, re.ASCII):
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw < len(options):
        raise ValueError("There is no such option.")
    return raw


def _truth(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if raw in ("true", "false"):
        return bool(raw == "true")
    raise ValueError("True or false, please.")


def _number_as_typed(raw: Any) -> str | None:
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        # An int of a million digits takes Python minutes to write out.
        if isinstance(raw, int) and raw.bit_length() > 256:
            raise ValueError("A number, please.")
        raw = repr(raw)
    text = _typed(raw, NUMBER_LENGTH)
    if text and not read_number(text):
        raise ValueError("A number, please.")
    return text


def _typed(raw: Any, longest: int) -> str | None:
    if not isinstance(raw, str):
        raise ValueError("A text, please.")
    text = check_text(raw.strip())
    if len(text) > longest:
        raise ValueError(f"At most {longest} characters, please.")
    return text or None
