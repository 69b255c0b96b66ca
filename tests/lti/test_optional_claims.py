"""What a launch says besides: typed, kept when nobody knows it, and in no repr."""

from typing import Any

import pytest

from mentorai.core.errors import ClaimMissing
from mentorai.core.launch_facts import (
    GroupService,
    Lis,
    Presentation,
    RosterService,
    ToolPlatform,
)
from mentorai.core.values import Role

GROUPS = "https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice"
VENDOR = "https://www.example.edu/lti/vendor"
COURSE = "http://purl.imsglobal.org/vocab/lis/v2/course#"
ODD = [None, [], "text", 7, True, ["a"], {"guid": ["x"], "width": {}, "type": 3}]


def test_details_are_typed(launcher: Any) -> None:
    details = launcher.launch(
        tool_platform={
            "guid": "g1",
            "name": "Campus LMS",
            "product_family_code": "moodle",
            "version": "2024100705.01",
            "url": "https://lms.example.edu",
            "description": "Our\nLMS",
            "contact_email": "it@example.edu",
        },
        launch_presentation={
            "document_target": "iframe",
            "locale": "en",
            "return_url": "https://lms.example.edu/back",
            "width": 800,
            "height": "600",
        },
        lis={"person_sourcedid": "p-1", "course_section_sourcedid": "", "x": 1},
        context={"id": "2", "type": [f"{COURSE}CourseSection", "Group", "urn:x"]},
        role_scope_mentor=["7", "8"],
        **{
            GROUPS: {
                "context_groups_url": "https://lms.example.edu/groups",
                "context_group_sets_url": "https://lms.example.edu/sets",
                "scope": ["s"],
                "service_versions": ["1.0"],
            }
        },
    ).launch.details

    assert details.tool_platform == ToolPlatform(
        "g1", "Campus LMS", "moodle", "2024100705.01", "https://lms.example.edu", "Our LMS",
        "it@example.edu",
    )  # fmt: skip
    assert details.presentation == Presentation(
        "iframe", "en", "https://lms.example.edu/back", 800, 600
    )
    assert details.lis == Lis("p-1", "", "")
    assert details.context_types == {"CourseSection", "Group", "urn:x"}
    assert details.mentored_subjects == ("7", "8")
    assert details.roster_service == RosterService(launcher.platform.members_url, ("2.0",))
    assert details.group_service == GroupService(
        "https://lms.example.edu/groups",
        "https://lms.example.edu/sets",
        frozenset({"s"}),
        ("1.0",),
    )


def test_details_that_are_not_there_are_none(launcher: Any) -> None:
    details = launcher.launch(
        tool_platform=None, launch_presentation=None, context=None
    ).launch.details

    assert details.tool_platform is None
    assert details.presentation is None
    assert details.lis is None
    assert details.group_service is None
    assert details.migration is None
    assert details.context_types == frozenset()
    assert details.mentored_subjects == ()


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_odd_details_stop_no_launch(launcher: Any, odd: Any) -> None:
    details = launcher.launch(
        **{"tool_platform": odd, "lis": odd, "role_scope_mentor": odd, "lti1p1": odd, GROUPS: odd}
    ).launch.details

    assert details.tool_platform in (None, ToolPlatform())
    assert details.lis in (None, Lis())
    assert details.group_service is None
    assert details.mentored_subjects in ((), ("a",))


def test_migration_claim_is_left_as_it_came(launcher: Any) -> None:
    claim = {"user_id": "old-6", "oauth_consumer_key": "k", "oauth_consumer_key_sign": "s"}

    assert launcher.launch(lti1p1=claim).launch.details.migration == claim


def test_claims_that_nobody_reads_are_kept_and_read_only(launcher: Any) -> None:
    launch = launcher.launch(
        ext={"lms": "moodle-2"}, **{VENDOR: {"a": [1]}, "picture:url": "x"}
    ).launch

    kept = launch.other_claims
    assert kept[VENDOR] == {"a": [1]}
    assert not {"sub", "email", "nonce", "name"} & set(kept)
    with pytest.raises(TypeError):
        kept["new"] = 1  # type: ignore[index]


def test_launch_shows_no_person_and_no_claim_in_its_repr(launcher: Any) -> None:
    launch = launcher.launch(
        lis={"person_sourcedid": "p-4711"}, lti1p1={"user_id": "old-6"}, **{VENDOR: "secret"}
    ).launch

    text = f"{launch!r} {launch.details!r} {launch.details.lis!r} {launch}"
    for secret in ("Ada", "ada@", "p-4711", "old-6", "secret", "chapter", "'6'"):
        assert secret not in text
    assert launch.registration_id in text


def test_launch_keeps_the_names_of_its_roles(launcher: Any) -> None:
    launch = launcher.launch(roles=["Learner", "urn:x"]).launch

    assert launch.roles == ("Learner", "urn:x")


def test_launch_knows_the_preview_student(launcher: Any) -> None:
    test_user = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"

    launch = launcher.launch(roles=["Learner", test_user]).launch

    assert (launch.is_test_user, launch.role) == (True, Role.LEARNER)


def test_variable_that_nobody_substituted_is_absent_in_every_text(launcher: Any) -> None:
    launch = launcher.launch(
        name="$Person.name.full",
        given_name=" $Person.name.given ",
        family_name=None,
        email="$Person.email.primary",
        context={"id": "2", "title": "$Context.title", "label": "L", "type": ["$Context.type"]},
        resource_link={"id": "17", "title": "$ResourceLink.title"},
        custom={"a": "$No.Such", "b": "costs $5.", "c": "$Canvas.user.id", "d": "x $A.b"},
        lis={"person_sourcedid": "$Person.sourcedId"},
        launch_presentation={"locale": "$Message.locale", "return_url": "$Message.returnUrl"},
        tool_platform={"product_family_code": "$ToolPlatform.productFamilyCode"},
    ).launch

    assert (launch.name, launch.email, launch.locale, launch.return_url) == (None,) * 4
    assert launch.context.title == launch.resource_link.title == launch.family_code == ""
    assert launch.custom == {"b": "costs $5.", "d": "x $A.b"}
    assert launch.details.lis == Lis()
    assert launch.details.context_types == frozenset()


def test_subject_that_is_a_variable_makes_an_anonymous_launch(launcher: Any) -> None:
    launch = launcher.launch(sub="$User.id", roles=["Instructor"]).launch

    assert (launch.subject, launch.role) == (None, Role.OTHER)


@pytest.mark.parametrize(
    "changes",
    [
        {"resource_link": {"id": "$ResourceLink.id"}},
        {"context": {"id": "$Context.id"}},
        {"deployment_id": "$ToolPlatform.deployment"},
    ],
)
def test_id_that_is_a_variable_is_missing(launcher: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(ClaimMissing):
        launcher.launch(**changes)


def test_custom_numbers_are_read_as_text(launcher: Any) -> None:
    custom = {"a": 17, "b": True, "c": 1.5, "d": None, "e": ["x"], "f": 10**400}

    assert launcher.launch(custom=custom).launch.custom == {"a": "17", "b": "true", "c": "1.5"}
