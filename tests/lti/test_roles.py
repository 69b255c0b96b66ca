"""Roles: the context decides, institution roles never make staff."""

import pytest

from mentorai.core.values import Role
from mentorai.lti.roles import TEST_USER, is_test_user, read_role, read_role_name

V = "http://purl.imsglobal.org/vocab/lis/v2/"


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        ([f"{V}membership#Administrator"], Role.ADMINISTRATOR),
        ([f"{V}membership#ContentDeveloper"], Role.INSTRUCTOR),
        ([f"{V}membership#Mentor"], Role.OTHER),
        ([f"{V}membership/Mentor#Tutor"], Role.OTHER),
        ([f"{V}membership#Instructor", f"{V}membership/Instructor#TeachingAssistant"],
         Role.ASSISTANT),
        ([f"{V}membership/Instructor#TeachingAssistantSection"], Role.ASSISTANT),
        ([f"{V}membership/Instructor#Grader"], Role.ASSISTANT),
        ([f"{V}membership/Instructor#PrimaryInstructor"], Role.INSTRUCTOR),
        ([f"{V}membership/Instructor#Grader", f"{V}membership/Instructor#Lecturer"],
         Role.INSTRUCTOR),
        ([f"{V}membership/Learner#Instructor"], Role.LEARNER),
        ([f"{V}membership#Learner", f"{V}membership#Instructor"], Role.INSTRUCTOR),
        ([f"{V}membership#Member"], Role.OTHER),
        ([f"{V}institution/person#Administrator"], Role.OTHER),
        ([f"{V}institution/person#Faculty", f"{V}system/person#SysAdmin"], Role.OTHER),
        ([f"{V}system/person#Administrator", f"{V}membership#Learner"], Role.LEARNER),
        (["urn:lti:role:ims/lis/Learner"], Role.LEARNER),
        (["urn:lti:role:ims/lis/Instructor/GuestInstructor"], Role.INSTRUCTOR),
        (["urn:lti:role:ims/lis/TeachingAssistant"], Role.ASSISTANT),
        (["urn:lti:instrole:ims/lis/Administrator"], Role.OTHER),
        (["urn:lti:sysrole:ims/lis/SysAdmin"], Role.OTHER),
        (["TeachingAssistant"], Role.ASSISTANT),
        (["Instructor", "Instructor/TeachingAssistant"], Role.ASSISTANT),
        (["urn:lti:role:ims/lis/TeachingAssistant/TeachingAssistantSection"], Role.ASSISTANT),
        (["urn:lti:role:ims/lis/TeachingAssistant/Anything"], Role.ASSISTANT),
        (["urn:lti:role:ims/lis/Mentor/Tutor"], Role.OTHER),
        (["Mentor"], Role.OTHER),
        ([f"{V}membership#Manager", f"{V}institution/person#Faculty"], Role.OTHER),
        (["Faculty"], Role.OTHER),
        (["x" * 10_000, "Learner"], Role.LEARNER),
        (["instructor"], Role.OTHER),
        ([f"{V}membershipx#Instructor"], Role.OTHER),
        ([f"https://evil.example.edu/?{V}membership#Instructor"], Role.OTHER),
        ([], Role.OTHER),
    ],
)  # fmt: skip
def test_role_is_read(roles: list[str], role: Role) -> None:
    assert read_role(roles) is role


def test_test_user_is_known() -> None:
    assert is_test_user([TEST_USER, "Learner"])
    assert not is_test_user(["Learner"])


TA = f"{V}membership/Instructor#TeachingAssistant"
DEAN = f"{V}institution/person#Administrator"


@pytest.mark.parametrize(
    ("said", "roles", "role"),
    [
        # Lowered and raised, in whatever form the platform sends the name.
        ({"Instructor": Role.ASSISTANT}, [f"{V}membership#Instructor"], Role.ASSISTANT),
        ({f"{V}membership#Learner": Role.ASSISTANT}, ["Learner"], Role.ASSISTANT),
        ({"urn:lti:role:ims/lis/Member": Role.LEARNER}, ["Member"], Role.LEARNER),
        # A sub-role beside its principal.
        ({TA: Role.LEARNER}, ["Instructor", TA], Role.LEARNER),
        ({TA: Role.INSTRUCTOR}, ["Instructor", TA], Role.INSTRUCTOR),
        ({"Instructor": Role.LEARNER}, ["Instructor", TA], Role.LEARNER),
        ({"Instructor": Role.ADMINISTRATOR}, ["Instructor", TA], Role.ASSISTANT),
        ({"Instructor": Role.ASSISTANT},
         ["Instructor", f"{V}membership/Instructor#PrimaryInstructor"], Role.ASSISTANT),
        # What is said of the institution counts where the course says nothing.
        ({DEAN: Role.INSTRUCTOR}, [DEAN], Role.INSTRUCTOR),
        ({DEAN: Role.INSTRUCTOR}, [DEAN, "Learner"], Role.LEARNER),
        ({DEAN: Role.INSTRUCTOR}, [DEAN, "Mentor"], Role.OTHER),
        ({"https://example.edu/roles#Wizard": Role.LEARNER},
         ["https://example.edu/roles#Wizard"], Role.LEARNER),
        # Nothing else changes.
        ({"Instructor": Role.LEARNER}, ["ContentDeveloper"], Role.INSTRUCTOR),
        ({DEAN: Role.INSTRUCTOR}, [], Role.OTHER),
    ],
)  # fmt: skip
def test_role_is_read_as_campus_it_said(
    said: dict[str, Role], roles: list[str], role: Role
) -> None:
    overrides = {read_role_name(name).text: value for name, value in said.items()}

    assert read_role(roles, overrides) is role
