from collections.abc import Callable, Generator
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from mentorai.core import installed_plugins
from mentorai.core.errors import ConfigurationError, PlatformRefused, PluginConflict, PluginFailed
from mentorai.core.hookspecs import hookimpl
from mentorai.core.plugin_manager import Plugins
from mentorai.core.values import Denial, PlatformProfile

Asked = list[str]


class Raising:
    """Fails in every kind of hook."""

    @hookimpl
    def recognise_platform(self) -> str | None:
        raise ValueError("a secret in a message")

    @hookimpl
    def judge_launch(self) -> Denial | None:
        raise ValueError("a secret in a message")

    @hookimpl
    def score_settled(self) -> None:
        raise ValueError("a secret in a message")

    @hookimpl
    def sign_in_links(self) -> list[Any]:
        raise ValueError("a secret in a message")


class Answering:
    """Answers in every kind of hook, and remembers being asked."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: Asked = []

    @hookimpl
    def recognise_platform(self, family_code: str) -> Any:
        self.asked.append(family_code)
        return self.answer

    @hookimpl
    def judge_launch(self) -> Any:
        self.asked.append("judge_launch")
        return self.answer

    @hookimpl
    def score_settled(self, status: str) -> None:
        self.asked.append(status)

    @hookimpl
    def sign_in_links(self) -> Any:
        return self.answer


class Misspelt:
    @hookimpl
    def recognize_platform(self) -> str | None:
        return None


class WrongArgument:
    @hookimpl
    def recognise_platform(self, issuers: str) -> str | None:
        return issuers


class Canvas:
    @hookimpl
    def platform_profile(self) -> PlatformProfile:
        return PlatformProfile(family="canvas", title="Canvas")


class Unsure:
    @hookimpl
    def platform_profile(self) -> PlatformProfile:
        raise LookupError


class Wrapping:
    @hookimpl(wrapper=True)
    def judge_launch(self) -> Generator[None, Any, Any]:
        return (yield)


@pytest.fixture
def plugins() -> Plugins:
    return Plugins()


def test_last_registered_is_asked_first(plugins: Plugins) -> None:
    plugins.add(Answering("first"), "one")
    plugins.add(Answering("second"), "two")

    assert _recognise(plugins) == "second"


def test_asking_goes_on_after_none(plugins: Plugins) -> None:
    plugins.add(Answering("first"), "one")
    plugins.add(Answering(None), "two")

    assert _recognise(plugins) == "first"


def test_asking_stops_at_the_first_answer(plugins: Plugins) -> None:
    spared = Answering("first")
    plugins.add(spared, "one")
    plugins.add(Answering("second"), "two")

    _recognise(plugins)

    assert spared.asked == []


def test_nobody_answering_is_none(plugins: Plugins) -> None:
    assert _recognise(plugins) is None


def test_raising_plugin_becomes_plugin_failed_when_first_answer_is_asked(plugins: Plugins) -> None:
    plugins.add(Raising(), "broken")

    with pytest.raises(PluginFailed, match=r"broken failed in recognise_platform") as raised:
        _recognise(plugins)

    assert isinstance(raised.value.__cause__, ValueError)


def test_one_of_our_errors_flies_on_unchanged(plugins: Plugins) -> None:
    class Refusing:
        @hookimpl
        def recognise_platform(self) -> str | None:
            raise PlatformRefused("No.")

    plugins.add(Refusing(), "refusing")

    with pytest.raises(PlatformRefused, match="No"):
        _recognise(plugins)


def test_raising_plugin_is_left_out_when_all_are_asked(plugins: Plugins) -> None:
    plugins.add(Answering(["a"]), "one")
    plugins.add(Raising(), "broken")
    plugins.add(Answering(["b"]), "two")

    assert plugins.ask_all("sign_in_links") == [["b"], ["a"]]


def test_raising_judge_refuses_without_telling_why(plugins: Plugins) -> None:
    plugins.add(Raising(), "broken")

    denial = plugins.judge("judge_launch", launch=None)

    assert denial is not None
    assert denial.code == "plugin_failed"
    assert "secret" not in denial.reason


def test_one_denial_refuses(plugins: Plugins) -> None:
    plugins.add(Answering(Denial("Closed today.")), "strict")
    plugins.add(Answering(None), "lenient")

    assert plugins.judge("judge_launch", launch=None) == Denial("Closed today.")


def test_judge_that_answers_nonsense_refuses(plugins: Plugins) -> None:
    plugins.add(Answering(False), "confused")

    assert plugins.judge("judge_launch", launch=None) == Denial("A plugin refused.")


def test_nobody_judging_lets_pass(plugins: Plugins) -> None:
    assert plugins.judge("judge_launch", launch=None) is None


def test_others_are_told_when_one_plugin_raises(plugins: Plugins) -> None:
    early, late = Answering(), Answering()
    plugins.add(early, "early")
    plugins.add(Raising(), "broken")
    plugins.add(late, "late")

    plugins.tell("score_settled", grade_id="g", status="sent")

    assert (early.asked, late.asked) == (["sent"], ["sent"])


def test_misspelt_hook_is_found_at_start(plugins: Plugins) -> None:
    plugins.add(Misspelt(), "careless")

    with pytest.raises(ConfigurationError, match="recognize_platform"):
        plugins.check()


def test_argument_that_the_hook_does_not_have_is_refused(plugins: Plugins) -> None:
    with pytest.raises(ConfigurationError, match="careless does not fit"):
        plugins.add(WrongArgument(), "careless")


def test_two_plugins_of_one_name_are_refused(plugins: Plugins) -> None:
    plugins.add(Answering(), "canvas")

    with pytest.raises(PluginConflict, match="canvas"):
        plugins.add(Answering(), "canvas")


def test_two_plugins_claiming_one_family_are_both_named(plugins: Plugins) -> None:
    plugins.add(Canvas(), "canvas")
    plugins.add(Canvas(), "canvas_pro")

    with pytest.raises(PluginConflict, match="canvas and canvas_pro both claim the family canvas"):
        plugins.check()


def test_plugin_that_cannot_say_what_it_is_is_named(plugins: Plugins) -> None:
    plugins.add(Unsure(), "unsure")

    with pytest.raises(PluginFailed, match="unsure failed in platform_profile"):
        plugins.check()


def test_wrapper_is_refused(plugins: Plugins) -> None:
    with pytest.raises(ConfigurationError, match="careless wraps judge_launch"):
        plugins.add(Wrapping(), "careless")


def test_plugins_name_their_hooks(plugins: Plugins) -> None:
    plugins.add(Canvas(), "canvas")

    assert plugins.names() == ["canvas"]
    assert plugins.hooks_of("canvas") == ["platform_profile"]


def test_absent_plugin_is_left_out_and_the_rest_is_found(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.metadata.entry_points", _installed("no.such.module", "json"))

    plugins.discover()

    assert plugins.names() == ["json"]


def test_lti_launch_is_asked_after_every_other_installed_plugin(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr("importlib.metadata.entry_points", _installed("json", "lti_launch", "abc"))
    monkeypatch.setattr(EntryPoint, "load", lambda entry: entry)
    monkeypatch.setattr(plugins, "add", lambda _plugin, name: order.append(name))

    plugins.discover()

    assert order == ["lti_launch", "abc", "json"]


def _recognise(plugins: Plugins) -> Any:
    return plugins.ask_first("recognise_platform", issuer="https://lms", family_code="canvas")


def _installed(*modules: str) -> Callable[..., EntryPoints]:
    group = installed_plugins.ENTRY_POINTS
    found = EntryPoints(EntryPoint(name=name, value=name, group=group) for name in modules)
    return lambda **_: found
