"""Unknown deployments: rejected, held or accepted, and only once a launch is meant."""

import threading
from typing import Any

import pytest

from mentorai.core.errors import (
    DeploymentHeld,
    DeploymentRefused,
    InputRejected,
    LaunchRejected,
    NotFound,
    StateMismatch,
    TokenInvalid,
    UnknownDeployment,
)
from mentorai.lti import deployments as deployments_module
from mentorai.lti.claims import read_deployment
from mentorai.lti.registrations import ACCEPT, ACTIVE, HELD, HOLD, REFUSED, REJECT


@pytest.fixture
def place(registration: Any) -> tuple[str, str]:
    return registration.organization_id, registration.id


@pytest.fixture
def holding(launcher: Any, place: tuple[str, str]) -> Any:
    """A launcher at a registration that holds unknown deployments."""
    launcher.tool.registrations.put_policy(*place, HOLD, "it")
    return launcher


def list_states(tool: Any, place: tuple[str, str]) -> dict[str, str]:
    return {each.deployment_id: each.state for each in tool.deployments.list(*place)}


def list_actions(engine: Any, organization_id: str) -> list[tuple[str, str]]:
    return [(each.action, each.actor) for each in engine.audit.list(organization_id)[1]]


def test_unknown_deployment_is_refused_and_leaves_nothing_by_default(
    launcher: Any, place: tuple[str, str]
) -> None:
    with pytest.raises(UnknownDeployment) as caught:
        launcher.launch(deployment_id="2")

    assert type(caught.value) is UnknownDeployment
    assert list_states(launcher.tool, place) == {"1": ACTIVE}


def test_unknown_deployment_is_held_and_says_who_decides(
    holding: Any, place: tuple[str, str], engine: Any
) -> None:
    for _ in range(3):
        with pytest.raises(DeploymentHeld, match="campus IT") as caught:
            holding.launch(deployment_id="2")

    held = holding.tool.deployments.list(*place)[1]
    assert caught.value.code == "deployment_held"
    assert (held.deployment_id, held.state, held.seen_in) == ("2", HELD, "Shore life")
    assert list_actions(engine, place[0]).count(("deployment_held", "policy")) == 1


def test_held_deployment_launches_once_it_is_approved(
    holding: Any, place: tuple[str, str], engine: Any
) -> None:
    with pytest.raises(DeploymentHeld):
        holding.launch(deployment_id="2")

    holding.tool.deployments.approve(*place, "2", "admin:1")

    assert holding.launch(deployment_id="2").launch.deployment_id == "2"
    assert list_actions(engine, place[0])[0] == ("deployment_approved", "admin:1")


def test_held_deployment_is_refused_for_good_once_it_is_refused(
    holding: Any, place: tuple[str, str], engine: Any
) -> None:
    with pytest.raises(DeploymentHeld):
        holding.launch(deployment_id="2")

    holding.tool.deployments.refuse(*place, "2", "admin:1")

    with pytest.raises(DeploymentRefused):
        holding.launch(deployment_id="2")
    assert list_actions(engine, place[0])[0] == ("deployment_refused", "admin:1")


def test_deployment_that_launched_can_be_refused(launcher: Any, place: tuple[str, str]) -> None:
    launcher.launch()

    launcher.tool.deployments.refuse(*place, "1")

    with pytest.raises(DeploymentRefused):
        launcher.launch()


def test_refused_deployment_stays_refused_when_unknown_ones_are_accepted(
    launcher: Any, place: tuple[str, str]
) -> None:
    launcher.tool.deployments.refuse(*place, "1")
    launcher.tool.registrations.put_policy(*place, ACCEPT)

    with pytest.raises(DeploymentRefused):
        launcher.launch()


def test_held_deployment_waits_on_when_the_policy_changes(
    holding: Any, place: tuple[str, str]
) -> None:
    with pytest.raises(DeploymentHeld):
        holding.launch(deployment_id="2")

    for policy in (ACCEPT, REJECT):
        holding.tool.registrations.put_policy(*place, policy)
        with pytest.raises(DeploymentHeld):
            holding.launch(deployment_id="2")


def test_unknown_deployment_is_accepted_at_once_and_audited(
    launcher: Any, place: tuple[str, str], engine: Any
) -> None:
    launcher.tool.registrations.put_policy(*place, ACCEPT, "it")

    for _ in range(2):
        assert launcher.launch(deployment_id="2").bound

    assert list_states(launcher.tool, place) == {"1": ACTIVE, "2": ACTIVE}
    assert list_actions(engine, place[0]).count(("deployment_accepted", "policy")) == 1


def test_picker_of_an_unknown_deployment_is_held_too(holding: Any, place: tuple[str, str]) -> None:
    with pytest.raises(DeploymentHeld):
        holding.pick(deployment_id="2")

    assert list_states(holding.tool, place)["2"] == HELD


def test_forged_launch_writes_no_deployment(holding: Any, place: tuple[str, str]) -> None:
    asked = holding.begin()
    claims = holding.platform.claims(asked["nonce"], deployment_id="2")
    forged = holding.platform.sign(claims)[:-8] + "AAAAAAAA"

    with pytest.raises(TokenInvalid):
        holding.finish(asked, forged)

    assert list_states(holding.tool, place) == {"1": ACTIVE}


@pytest.mark.parametrize("binding", ["c" * 64, "b" * 64])
def test_launch_without_its_ticket_writes_no_deployment(
    holding: Any, place: tuple[str, str], binding: str
) -> None:
    asked = holding.begin()
    token = holding.platform.sign(holding.platform.claims("made up", deployment_id="2"))

    with pytest.raises(StateMismatch):
        holding.finish(asked, token, binding=binding)

    assert list_states(holding.tool, place) == {"1": ACTIVE}


def test_launch_that_ends_in_another_deployment_than_it_began_writes_none(
    holding: Any, place: tuple[str, str]
) -> None:
    asked = holding.begin(lti_deployment_id="1")
    token = holding.platform.sign(holding.platform.claims(asked["nonce"], deployment_id="2"))

    with pytest.raises(UnknownDeployment, match="another deployment"):
        holding.finish(asked, token)

    assert list_states(holding.tool, place) == {"1": ACTIVE}


def test_launch_that_ends_in_another_deployment_leaves_its_ticket_to_the_right_one(
    holding: Any,
) -> None:
    asked = holding.begin(lti_deployment_id="1")
    claims = holding.platform.claims
    with pytest.raises(UnknownDeployment):
        holding.finish(asked, holding.platform.sign(claims(asked["nonce"], deployment_id="2")))

    finished = holding.finish(asked, holding.platform.sign(claims(asked["nonce"])))

    assert finished.launch.deployment_id == "1"


def test_hostile_platform_cannot_fill_the_table_when_unknown_ones_are_held(
    holding: Any, place: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployments_module, "HELD_LIMIT", 3)

    for number in range(6):
        with pytest.raises(DeploymentHeld) as caught:
            holding.launch(deployment_id=f"d{number}")

    assert "decide on those first" in caught.value.message
    assert list(list_states(holding.tool, place)) == ["1", "d0", "d1", "d2"]


def test_hostile_platform_cannot_fill_the_table_when_unknown_ones_are_accepted(
    launcher: Any, place: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployments_module, "ACCEPTED_LIMIT", 2)
    launcher.tool.registrations.put_policy(*place, ACCEPT)
    launcher.launch(deployment_id="2")

    with pytest.raises(UnknownDeployment):
        launcher.launch(deployment_id="3")

    assert list(list_states(launcher.tool, place)) == ["1", "2"]


def test_unknown_deployment_is_kept_once_of_many_launches_at_the_same_time(
    holding: Any, place: tuple[str, str]
) -> None:
    holding.tool.keysets.find(holding.platform.keyset_url, "k1")
    asked = [holding.begin() for _ in range(6)]
    tokens = [
        holding.platform.sign(holding.platform.claims(each["nonce"], deployment_id="2"))
        for each in asked
    ]
    outcomes: list[str] = []
    barrier = threading.Barrier(len(asked))

    def finish(number: int) -> None:
        barrier.wait()
        try:
            holding.finish(asked[number], tokens[number])
        except LaunchRejected as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=finish, args=(number,)) for number in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes == ["deployment_held"] * 6
    assert list_states(holding.tool, place) == {"1": ACTIVE, "2": HELD}


def test_waiting_deployment_passes_only_a_caller_that_will_ask_for_it(
    holding: Any, place: tuple[str, str]
) -> None:
    registration = holding.tool.registrations.get(*place)
    claims = holding.platform.claims(deployment_id="2")

    with pytest.raises(UnknownDeployment):
        read_deployment(claims, registration)

    assert read_deployment(claims, registration, may_wait=True) == "2"


def test_held_deployment_added_by_hand_launches(holding: Any, place: tuple[str, str]) -> None:
    with pytest.raises(DeploymentHeld):
        holding.launch(deployment_id="2")

    holding.tool.registrations.add_deployment(*place, "2", "it")

    assert holding.launch(deployment_id="2").bound


def test_decision_on_what_is_not_there_is_not_found(
    tool: Any, place: tuple[str, str], engine: Any
) -> None:
    other = engine.organizations.put("other", "Other")

    for organization_id, registration_id, deployment_id in (
        (place[0], place[1], "nowhere"),
        (place[0], "nothing\0", "1"),
        (other.id, place[1], "1"),
    ):
        with pytest.raises(NotFound):
            tool.deployments.refuse(organization_id, registration_id, deployment_id)

    with pytest.raises(NotFound):
        tool.deployments.list(other.id, place[1])
    assert list_states(tool, place) == {"1": ACTIVE}


def test_decision_made_twice_is_audited_once(
    tool: Any, place: tuple[str, str], engine: Any
) -> None:
    for _ in range(2):
        tool.deployments.refuse(*place, "1", "it")

    assert list_states(tool, place) == {"1": REFUSED}
    assert list_actions(engine, place[0]).count(("deployment_refused", "it")) == 1


def test_policy_that_is_none_is_refused(tool: Any, place: tuple[str, str]) -> None:
    with pytest.raises(InputRejected) as caught:
        tool.registrations.put_policy(*place, "whatever")

    assert list(caught.value.errors) == ["deployment_policy"]
