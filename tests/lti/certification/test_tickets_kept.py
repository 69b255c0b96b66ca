"""A refusal that is no replay leaves the ticket: the launch that was meant still gets in, once."""

import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mentorai.plugins.sandbox.certification.forge import tamper
from mentorai.plugins.sandbox.certification.stage import HELD, Attempt, Stage

Refusal = Callable[[Attempt], str]
# A token that cannot let anybody in, by what is wrong with it; all else is as it should be.
REFUSED: dict[str, Refusal] = {
    "another deployment": lambda good: good.sign(deployment_id="of somebody else"),
    "another audience": lambda good: good.sign(aud="of-another-tool"),
    "another issuer": lambda good: good.sign(iss="https://lms.elsewhere.example"),
    "another nonce": lambda good: good.sign(nonce="made up"),
    "another place": lambda good: good.sign(target_link_uri="https://elsewhere.example/"),
    "another version": lambda good: good.sign(version="1.2"),
    "no kind": lambda good: good.sign(message_type="LtiUnheardOf"),
    "no link": lambda good: good.sign(resource_link=None),
    "expired": lambda good: good.sign(exp=int(time.time()) - 600, iat=int(time.time()) - 900),
    "from the future": lambda good: good.sign(iat=int(time.time()) + 600),
    "tampered": lambda good: tamper(good.sign(), good.change(roles=["Instructor"])),
    "unsigned": lambda good: good.sign().rpartition(".")[0] + ".",
    "nothing": lambda _: "",
}
# What is wrong, and whether another browser brings it than the one that began.
attempts = st.tuples(st.sampled_from(sorted(REFUSED)), st.booleans())


def post_refused(good: Attempt, reason: str, *, elsewhere: bool) -> None:
    """Bring such a token, from the browser that began or from another one."""
    before = good.stage.count()
    answer = good.post(
        REFUSED[reason](good), browser=good.stage.browser() if elsewhere else good.browser
    )
    assert 400 <= answer.status_code < 500, reason
    assert not HELD.search(answer.text), reason
    assert good.stage.count() == before, reason


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    tries=st.lists(
        st.tuples(st.sampled_from(sorted(REFUSED)), st.booleans()), min_size=1, max_size=3
    )
)
def test_launch_gets_in_once_after_any_refusals(
    stage: Stage, tries: list[tuple[str, bool]]
) -> None:
    good = stage.begin()
    for reason, elsewhere in tries:
        post_refused(good, reason, elsewhere=elsewhere)

    good.finish()

    assert good.post(good.sign(), browser=stage.browser()).status_code == 400


@pytest.mark.parametrize("reason", REFUSED)
def test_refusal_leaves_the_ticket(stage: Stage, reason: str) -> None:
    good = stage.begin()

    post_refused(good, reason, elsewhere=False)

    good.finish()


def test_error_of_the_platform_leaves_the_ticket(stage: Stage) -> None:
    good = stage.begin()

    answer = good.post("", fields={"error": "login_required", "state": good.state})

    assert 400 <= answer.status_code < 500
    good.finish()
