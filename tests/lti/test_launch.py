"""Launches that are taken, launches that are refused once, and what each becomes.

How the certification has it, T and S and beyond, is in certification/, over HTTP.
"""

import re
import threading
from datetime import timedelta
from typing import Any

import pytest

from mentorai.core.clock import now
from mentorai.core.errors import (
    NonceReused,
    PlatformDeclined,
    StateMismatch,
    TokenInvalid,
    UnknownDeployment,
    UnknownRegistration,
)
from mentorai.core.values import Context, ResourceLink, Role
from mentorai.lti.launch import finish_launch


def test_launch_of_a_learner_becomes_facts(launcher: Any, registration: Any) -> None:
    finished = launcher.launch()

    launch = finished.launch
    assert finished.bound
    assert (launch.registration_id, launch.deployment_id) == (registration.id, "1")
    assert (launch.subject, launch.name, launch.email) == ("6", "Ada Lovelace", "ada@example.edu")
    assert launch.role is Role.LEARNER
    assert launch.context == Context("2", "BIO101", "Shore life")
    assert launch.resource_link == ResourceLink("17", "Week 1")
    assert launch.custom == {"chapter": "3"}
    assert launch.family_code == "moodle"
    assert launch.target == "/lti/launch"
    assert launch.grade_service is not None
    assert launch.grade_service.line_item_url == launcher.platform.line_item_url
    assert launch.memberships_url == launcher.platform.members_url


@pytest.mark.parametrize(
    ("changes", "name", "email"),
    [
        pytest.param(
            {"name": None, "given_name": None, "family_name": None},
            None,
            "ada@example.edu",
            id="T6 S6 email only",
        ),
        pytest.param({"email": None}, "Ada Lovelace", None, id="T7 S7 names only"),
        pytest.param({"name": None, "email": None}, "Ada Lovelace", None, id="parts of a name"),
        pytest.param(
            {"name": None, "given_name": None, "family_name": None, "email": None},
            None,
            None,
            id="T8 S8 no PII",
        ),
    ],
)
def test_launch_is_taken_with_what_is_known_of_the_person(
    launcher: Any, changes: dict[str, None], name: str | None, email: str | None
) -> None:
    launch = launcher.launch(**changes).launch

    assert (launch.name, launch.email, launch.subject) == (name, email, "6")


def test_launch_is_taken_of_a_subject_that_is_a_number(launcher: Any) -> None:
    assert launcher.launch(sub=42).launch.subject == "42"


def test_launch_is_taken_of_ids_that_are_numbers_as_of_their_texts(launcher: Any) -> None:
    numbers = {"resource_link": {"id": 17}, "context": {"id": 5}}
    texts = {"resource_link": {"id": "17"}, "context": {"id": "5"}}

    launch, same = launcher.launch(**numbers).launch, launcher.launch(**texts).launch

    assert (launch.resource_link, launch.context) == (same.resource_link, same.context)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"resource_link": {"id": ["17"]}}, "resource_link.id is a list"),
        ({"resource_link": {"id": True}}, "resource_link.id is true or false"),
        ({"context": {"id": {}}}, "context.id is an object"),
        ({"context": {"id": 5.5}}, "context.id is a number with a fraction"),
        ({"context": {"id": 10**255}}, "context.id is a number,"),
        ({"context": {"id": "x" * 256}}, "context.id is a text of 256 characters"),
        ({"sub": "a\n"}, "sub is a text of 2 characters, some of which cannot be printed"),
        ({"deployment_id": 1}, "deployment_id is a number"),
    ],
)
def test_launch_is_refused_of_an_id_that_is_none_and_says_what_it_is(
    launcher: Any, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(TokenInvalid, match=re.escape(told)):
        launcher.launch(**changes)


def test_launch_without_a_subject_is_anonymous_and_never_staff(launcher: Any) -> None:
    launch = launcher.launch(sub=None, roles=["Instructor"]).launch

    assert launch.subject is None
    assert launch.role is Role.OTHER


def test_launch_keeps_the_query_of_the_target(launcher: Any) -> None:
    target = f"{launcher.tool.settings.public_url}/lti/launch?quiz=7&x=é"

    assert launcher.launch(target_link_uri=target).launch.target == "/lti/launch?quiz=7&x=é"


def test_launch_reads_an_empty_php_object(launcher: Any) -> None:
    assert launcher.launch(custom=[], context=[]).launch.custom == {}


def test_launch_is_refused_when_it_was_used_before(launcher: Any) -> None:
    asked = launcher.begin()
    token = launcher.platform.sign(launcher.platform.claims(asked["nonce"]))
    launcher.finish(asked, token)

    with pytest.raises(NonceReused):
        launcher.finish(asked, token)


def test_launch_is_refused_when_another_token_has_the_same_nonce(launcher: Any) -> None:
    asked = launcher.begin()
    launcher.finish(asked, launcher.platform.sign(launcher.platform.claims(asked["nonce"])))

    other = launcher.platform.sign(launcher.platform.claims(asked["nonce"], sub="7"))
    with pytest.raises(NonceReused):
        launcher.finish(asked, other)


def test_launch_is_taken_once_of_many_at_the_same_time(launcher: Any) -> None:
    asked = launcher.begin()
    token = launcher.platform.sign(launcher.platform.claims(asked["nonce"]))
    launcher.tool.keysets.find(launcher.platform.keyset_url, "k1")
    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def finish() -> None:
        barrier.wait()
        try:
            launcher.finish(asked, token)
            outcomes.append("taken")
        except NonceReused:
            outcomes.append("reused")

    threads = [threading.Thread(target=finish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["reused"] * 7 + ["taken"]


def test_launch_is_refused_in_another_browser_and_stays_good_in_its_own(launcher: Any) -> None:
    asked = launcher.begin()
    token = launcher.platform.sign(launcher.platform.claims(asked["nonce"]))

    with pytest.raises(StateMismatch):
        launcher.finish(asked, token, binding="c" * 64)
    assert launcher.finish(asked, token).bound


def test_launch_is_unbound_when_the_browser_shows_nothing(launcher: Any) -> None:
    asked = launcher.begin()
    token = launcher.platform.sign(launcher.platform.claims(asked["nonce"]))

    assert not launcher.finish(asked, token, binding=None).bound


def test_launch_is_refused_when_nonce_and_state_are_swapped(launcher: Any) -> None:
    first, second = launcher.begin(), launcher.begin()
    token = launcher.platform.sign(launcher.platform.claims(second["nonce"]))

    with pytest.raises(StateMismatch):
        launcher.finish(first, token)


def test_launch_is_refused_when_it_began_too_long_ago(launcher: Any, time_machine: Any) -> None:
    asked = launcher.begin()
    time_machine.move_to(now() + timedelta(seconds=601))
    token = launcher.platform.sign(launcher.platform.claims(asked["nonce"]))

    with pytest.raises(StateMismatch, match="ten minutes"):
        launcher.finish(asked, token)


@pytest.mark.parametrize("state", ["", "state-unknown", "x" * 10_000])
def test_launch_is_refused_when_state_is_not_ours(launcher: Any, state: str) -> None:
    asked = launcher.begin()
    token = launcher.platform.sign(launcher.platform.claims(asked["nonce"]))

    with pytest.raises(StateMismatch):
        launcher.finish({"state": state}, token)


def test_launch_is_refused_when_begun_at_another_platform(launcher: Any, organization: Any) -> None:
    facts = launcher.platform.facts(client_id="second")
    launcher.tool.registrations.add(organization.id, **facts)
    asked = launcher.begin(client_id="second")

    token = launcher.platform.sign(launcher.platform.claims(asked["nonce"]))
    with pytest.raises(StateMismatch):
        launcher.finish(asked, token)


def test_launch_is_refused_when_it_ends_in_another_deployment(
    launcher: Any, organization: Any, registration: Any
) -> None:
    launcher.tool.registrations.add_deployment(organization.id, registration.id, "2")
    asked = launcher.begin(lti_deployment_id="2")
    token = launcher.platform.sign(launcher.platform.claims(asked["nonce"]))

    with pytest.raises(UnknownDeployment):
        launcher.finish(asked, token)


def test_launch_is_refused_when_its_platform_was_switched_off(
    launcher: Any, organization: Any, registration: Any
) -> None:
    asked = launcher.begin()
    launcher.tool.registrations.disable(organization.id, registration.id)
    token = launcher.platform.sign(launcher.platform.claims(asked["nonce"]))

    with pytest.raises(UnknownRegistration, match="switched off"):
        launcher.finish(asked, token)


def test_launch_is_not_used_up_by_a_forged_token(launcher: Any) -> None:
    asked = launcher.begin()
    claims = launcher.platform.claims(asked["nonce"])
    forged = launcher.platform.sign(claims)[:-8] + "AAAAAAAA"

    with pytest.raises(Exception, match="signature"):
        launcher.finish(asked, forged)
    assert launcher.finish(asked, launcher.platform.sign(claims)).bound


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("login_required", "sign in"),
        ("unauthorized_client", "client id"),
        ("odd_code", "odd_code"),
        ("<script>", "stopped the launch"),
    ],
)
def test_launch_that_the_platform_declined_is_explained(
    launcher: Any, error: str, says: str
) -> None:
    form = {"error": error, "error_description": "<b>secret</b>", "state": "x"}

    with pytest.raises(PlatformDeclined, match=says) as caught:
        finish_launch(launcher.tool, form, [])
    assert "<" not in caught.value.message


def test_platform_keys_are_not_fetched_again_once_warm(launcher: Any) -> None:
    for _ in range(5):
        launcher.launch()

    assert launcher.platform.fetches() == 1
