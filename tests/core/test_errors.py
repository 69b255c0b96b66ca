import inspect
import re

import pytest

from mentorai.core import errors
from mentorai.core.errors import InputRejected, KeyScopeTooSmall, MentorAIError, PluginFailed

EVERY_ERROR = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, MentorAIError)
]
# What a caller cannot tell apart from outside shares its code on purpose.
SHARED = {"key_invalid"}


@pytest.mark.parametrize("kind", EVERY_ERROR, ids=lambda kind: kind.__name__)
def test_error_has_a_sentence_and_a_code(kind: type[MentorAIError]) -> None:
    sentence = (kind.__doc__ or "").splitlines()[0]

    assert re.fullmatch(r"[A-Z].*[.>\"]", sentence)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in EVERY_ERROR if "code" in vars(kind)]

    assert {code for code in codes if codes.count(code) > 1} <= SHARED


@pytest.mark.parametrize("kind", EVERY_ERROR, ids=lambda kind: kind.__name__)
def test_error_is_drawn_in_the_tree(kind: type[MentorAIError]) -> None:
    assert re.search(rf"\b{kind.__name__}\b", errors.__doc__ or "")


def test_message_is_the_sentence_unless_one_is_given() -> None:
    assert errors.NotFound().message == "There is no such thing here."
    assert str(errors.NotFound("No mentor.")) == "No mentor."


def test_rejected_input_names_fields() -> None:
    rejected = InputRejected({"name": ("Too long.",)})

    assert rejected.errors == {"name": ["Too long."]}


def test_small_scope_names_what_is_missing() -> None:
    assert "chat:write" in KeyScopeTooSmall("chat:write").message


def test_failed_plugin_is_named_with_its_hook() -> None:
    assert PluginFailed("canvas", "push_score").message == (
        "The plugin canvas failed in push_score."
    )


@pytest.mark.parametrize(
    ("kind", "retryable"),
    [
        (errors.PlatformUnavailable, True),
        (errors.PlatformThrottled, True),
        (errors.PlatformReplyInvalid, True),
        (errors.PlatformRefused, False),
        (errors.ScoreOutOfRange, False),
        (errors.TooManyStreams, True),
        (errors.DatabaseUnavailable, True),
    ],
)
def test_error_knows_whether_to_try_again(kind: type[MentorAIError], retryable: bool) -> None:
    assert kind.retryable is retryable
