"""Every error that can end a launch is explained to three readers."""

import inspect
import re
from types import ModuleType

import pytest

from mentorai.core import errors
from mentorai.core.errors import LaunchRejected, MentorNotChosen
from mentorai.core.explanations import EXPLANATIONS, SCREENS, find_explanation, read_screens
from mentorai.core.grade_advice import ADVICE
from mentorai.core.values import PlatformProfile
from mentorai.plugins import blackboard, brightspace, canvas, moodle, sakai, sandbox

ENDINGS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, (LaunchRejected, MentorNotChosen))
]
# Rules and our own trouble: no specification says anything of them.
WITHOUT_A_CLAUSE = {
    "database_unavailable",
    "launch_denied",
    "mentor_not_chosen",
    "session_invalid",
    "plugin_failed",
    "internal_error",
    "too_large",
}


@pytest.mark.parametrize("kind", ENDINGS, ids=lambda kind: kind.__name__)
def test_every_ending_of_a_launch_is_explained(kind: type[LaunchRejected]) -> None:
    assert kind.code in EXPLANATIONS


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_explanation_has_a_text_for_each_reader(code: str) -> None:
    found = EXPLANATIONS[code]

    for text in (found.student, found.instructor, found.it):
        assert re.fullmatch(r"[A-Z].{20,}\.", text)
    assert len({found.student, found.instructor, found.it}) == 3
    assert re.fullmatch(r"[A-Z].{8,60}", found.title)
    assert found.screen in SCREENS
    assert bool(found.clause) == (code not in WITHOUT_A_CLAUSE)


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_student_reads_no_word_of_the_trade(code: str) -> None:
    words = r"\b(claim|token|deployment|issuer|client id|JWKS|nonce|OIDC|registration)\b"

    assert not re.search(words, EXPLANATIONS[code].student)


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_explained_code_is_a_code(code: str) -> None:
    codes = {getattr(kind, "code", "") for kind in vars(errors).values() if inspect.isclass(kind)}

    assert code in codes | {"internal_error", "too_large"}


def test_plugins_own_refusal_has_the_words_of_its_parent() -> None:
    class SeatTaken(errors.LaunchDenied):
        """No seat is left."""

        code = "seat_taken"

    assert find_explanation(SeatTaken()) is EXPLANATIONS["launch_denied"]
    assert find_explanation(errors.Conflict()) is None


def test_screens_of_a_family_are_known_ones_in_its_own_words() -> None:
    profile = PlatformProfile("lyceum", "Lyceum", screens={"services": "Administration, Tools"})

    found = read_screens([profile], "lyceum")

    assert found["services"] == "Administration, Tools"
    assert found["clock"] == SCREENS["clock"]
    assert read_screens([profile], "other") == SCREENS


@pytest.mark.parametrize("plugin", [brightspace, canvas, moodle, sakai, sandbox])
def test_screens_that_a_plugin_names_are_asked_for(plugin: ModuleType) -> None:
    assert set(plugin.platform_profile().screens) <= set(SCREENS)


@pytest.mark.parametrize("plugin", [blackboard, brightspace, canvas, moodle])
def test_advice_that_a_plugin_gives_is_about_codes_of_ours(plugin: ModuleType) -> None:
    assert set(plugin.platform_profile().grade_advice) <= set(ADVICE)
