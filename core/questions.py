"""The five kinds of question, as an instructor writes them, and the rules they must meet.

choice      one option is right: `answer` is its place, counted from 0
choices     several are right: `answer` is the list of their places
true_false  `answer` is true or false
number      `answer` is {value, tolerance, relative}: within `tolerance` of the value, or with
            `relative` within that share of it (0.05: five percent)
text        `answer` is the list of accepted texts, in which * stands for anything
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from mentorai.core.errors import InputRejected

QUESTIONS = 200
OPTIONS = 20
ACCEPTED_TEXTS = 20
STARS = 5
KINDS = ("choice", "choices", "true_false", "number", "text")

SENTENCES = {
    "missing": "This is needed.",
    "string_too_long": "Too long: {max_length} at most, please.",
    "too_short": "Too few: {min_length} at least, please.",
    "too_long": "Too long: {max_length} at most, please.",
    "greater_than": "More than {gt:g}, please.",
    "greater_than_equal": "At least {ge:g}, please.",
    "less_than_equal": "At most {le:g}, please.",
    "finite_number": "A finite number, please.",
    "extra_forbidden": "There is no such field.",
    "union_tag_invalid": "One of choice, choices, true_false, number, text, please.",
    "union_tag_not_found": "One of choice, choices, true_false, number, text, please.",
    "string_type": "A text, please.",
    "string_unicode": "A text that can be written down, please.",
    "model_type": "An object with fields, please.",
    "model_attributes_type": "An object with fields, please.",
    "int_type": "A whole number, please.",
    "float_type": "A number, please.",
    "bool_type": "True or false, please.",
    "list_type": "A list, please.",
    "tuple_type": "A list, please.",
    "literal_error": "One of {expected}, please.",
    "string_pattern_mismatch": "Letters, digits, - and _ only, please.",
}


def check_text(value: str) -> str:
    """`value`, if every database can keep it: no lone surrogates, no control characters."""
    allowed = "\n\r\t"
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in allowed for c in value):
        raise ValueError("No control characters, please.")
    return value


def _check_not_empty(value: str) -> str:
    if not value:
        raise ValueError("This is needed.")
    return value


Stripped = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(check_text)]
Filled = Annotated[Stripped, AfterValidator(_check_not_empty)]
Title = Annotated[Filled, Field(max_length=200)]
Prompt = Annotated[Filled, Field(max_length=5_000)]
Description = Annotated[Stripped, Field(max_length=5_000)]
Option = Annotated[Filled, Field(max_length=1_000)]
AcceptedText = Annotated[Filled, Field(max_length=200)]
Place = Annotated[StrictInt, Field(ge=0, lt=OPTIONS)]
Bounded = Annotated[StrictFloat, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _Question(_Model):
    # Given on a second PUT, it keeps its name; otherwise the quiz names it.
    id: Annotated[str, Field(max_length=40, pattern=r"^[A-Za-z0-9_-]*$")] = ""
    prompt: Prompt
    points: Annotated[StrictFloat, Field(gt=0, le=1_000, allow_inf_nan=False)] = 1.0
    feedback: Description = ""


class _WithOptions(_Question):
    options: Annotated[tuple[Option, ...], Field(min_length=2, max_length=OPTIONS)]

    @model_validator(mode="after")
    def _options_differ(self) -> "_WithOptions":
        if len(set(self.options)) < len(self.options):
            raise ValueError("Two options are the same.")
        return self


class Choice(_WithOptions):
    """One option is right."""

    kind: Literal["choice"]
    answer: Place

    @model_validator(mode="after")
    def _answer_is_an_option(self) -> "Choice":
        if self.answer >= len(self.options):
            raise ValueError("The right answer must be one of the options.")
        return self


class Choices(_WithOptions):
    """Several options are right, one at least.

    scoring: `partial` gives the share of right options chosen less the share of wrong ones,
    never below 0; `exact` gives all points for exactly the right ones, else none.
    """

    kind: Literal["choices"]
    answer: Annotated[tuple[Place, ...], Field(min_length=1, max_length=OPTIONS)]
    scoring: Literal["partial", "exact"] = "partial"

    @model_validator(mode="after")
    def _answers_are_options(self) -> "Choices":
        if max(self.answer) >= len(self.options):
            raise ValueError("The right answers must be among the options.")
        if len(set(self.answer)) < len(self.answer):
            raise ValueError("A right answer is named twice.")
        return self


class TrueFalse(_Question):
    """A statement that is true or false."""

    kind: Literal["true_false"]
    answer: StrictBool


class Target(_Model):
    """The number that is right, and how near is near enough."""

    value: Bounded
    tolerance: Annotated[StrictFloat, Field(ge=0, le=1e15, allow_inf_nan=False)] = 0.0
    relative: StrictBool = False


class Number(_Question):
    """A number is asked for."""

    kind: Literal["number"]
    answer: Target


class ShortText(_Question):
    """A word or a few are asked for."""

    kind: Literal["text"]
    answer: Annotated[tuple[AcceptedText, ...], Field(min_length=1, max_length=ACCEPTED_TEXTS)]

    @model_validator(mode="after")
    def _accepted_texts_say_something(self) -> "ShortText":
        if any(not any(c.isalnum() for c in text) for text in self.answer):
            raise ValueError("An accepted text needs a letter or a digit at least.")
        if any(text.count("*") > STARS for text in self.answer):
            raise ValueError(f"At most {STARS} stars in an accepted text, please.")
        return self


Question = Annotated[Choice | Choices | TrueFalse | Number | ShortText, Field(discriminator="kind")]


class QuizDraft(_Model):
    """A quiz as an instructor writes it. attempts_allowed: 0 sets no limit."""

    title: Title
    description: Description = ""
    attempts_allowed: Annotated[StrictInt, Field(ge=0, le=100)] = 0
    keep: Literal["best", "last"] = "best"
    published: StrictBool = False
    questions: Annotated[tuple[Question, ...], Field(max_length=QUESTIONS)] = ()

    @model_validator(mode="after")
    def _can_be_taken(self) -> "QuizDraft":
        if self.published and not self.questions:
            raise ValueError("A published quiz needs a question at least.")
        names = [question.id for question in self.questions if question.id]
        if len(set(names)) < len(names):
            raise ValueError("Two questions have the same id.")
        return self


class _Frozen(_Model):
    questions: tuple[Question, ...]


def read_draft(given: Mapping[str, Any]) -> QuizDraft:
    """The draft in a JSON body or a form.

    Raises InputRejected with one entry a field ("questions.3.options": [sentences], or "quiz"
    for the whole); it never repeats what was sent.
    """
    try:
        return QuizDraft.model_validate(given)
    except ValidationError as error:
        raise InputRejected(_explain(error)) from None


def thaw(questions: object) -> tuple[Question, ...]:
    """The questions that were kept as JSON."""
    return _Frozen.model_validate({"questions": questions}).questions


def freeze(questions: tuple[Question, ...]) -> list[dict[str, Any]]:
    """The questions as JSON, each with an id of its own."""
    taken = {question.id for question in questions}
    free = (name for n in range(1, 2 * QUESTIONS + 1) if (name := f"q{n}") not in taken)
    kept = (question.model_dump(mode="json") for question in questions)
    return [one if one["id"] else one | {"id": next(free)} for one in kept]


def _explain(error: ValidationError) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for problem in error.errors(include_url=False, include_input=False):
        kind, place = problem["type"], list(problem["loc"])
        if kind == "extra_forbidden" and not re.fullmatch("[a-z_]{1,40}", str(place[-1])):
            place.pop()
        # pydantic names the kind of question on the way to its field.
        path = [str(step) for step in place if step not in KINDS]
        if kind == "value_error":
            sentence = problem["msg"].removeprefix("Value error, ")
        else:
            sentence = SENTENCES.get(kind, "This is not right.").format(**problem.get("ctx", {}))
        sentences = errors.setdefault(".".join(path) or "quiz", [])
        if sentence not in sentences:
            sentences.append(sentence)
    return errors
