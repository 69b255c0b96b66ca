"""What this tool is, told to platforms in one place: its messages, scopes and custom parameters.

Source: LTI Dynamic Registration 1.0, sections 2 and 3 (tool configuration).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mentorai.lti.history import CUSTOM

if TYPE_CHECKING:
    from mentorai.lti.tool import Tool

NAME = "mentorAI"
DESCRIPTION = "An AI mentor for a course, with quizzes whose scores arrive in the gradebook."
TOOL_CONFIGURATION = "https://purl.imsglobal.org/spec/lti-tool-configuration"
AGS = "https://purl.imsglobal.org/spec/lti-ags/scope/"
# Scope -> what it lets us do, for the person who agrees to it.
SCOPES: Mapping[str, str] = {
    f"{AGS}lineitem": "make gradebook columns for quizzes",
    f"{AGS}lineitem.readonly": "find the gradebook columns of quizzes",
    f"{AGS}result.readonly": "compare scores with what the gradebook holds",
    f"{AGS}score": "send scores to the gradebook",
    "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly": (
        "see who is in a course that uses it"
    ),
    "https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly": (
        "see the groups of a course that uses it"
    ),
    "https://purl.imsglobal.org/spec/lti/scope/noticehandlers": "hear when a course is copied",
}
# What every platform of LTI Advantage knows; the rest is asked of those that say they have it.
USUAL_SCOPES = tuple(SCOPES)[:5]
CLAIMS = ("iss", "sub", "name", "given_name", "family_name", "email")


@dataclass(frozen=True, slots=True)
class Message:
    """A kind of message that a platform may send us, and what it is for."""

    type: str
    label: str


MESSAGES: Sequence[Message] = (
    Message("LtiResourceLinkRequest", "Open a mentor or a quiz in a course"),
    Message("LtiDeepLinkingRequest", "Pick a mentor or a quiz for a course"),
    Message("LtiSubmissionReviewRequest", "Open a student's attempt from the gradebook"),
    Message("DataPrivacyLaunchRequest", "Look after personal data"),
)
USUAL_MESSAGES = MESSAGES[:2]


@dataclass(frozen=True, slots=True)
class Supported:
    """What a platform says that it can do. An empty set: it does not say."""

    scopes: frozenset[str] = frozenset()
    messages: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()


def describe_tool(tool: "Tool") -> dict[str, Any]:
    """What a plugin needs to write a document for its family of LMS (hook registration_document).

    login_url, launch_url, keyset_url: our addresses. name, description, domain: who we are.
    scopes: all that we can use. messages: type -> what it is for. custom: parameter -> variable.
    """
    return {
        "login_url": tool.login_url,
        "launch_url": tool.launch_url,
        "keyset_url": tool.keyset_url,
        "name": NAME,
        "description": DESCRIPTION,
        "domain": urlsplit(tool.launch_url).netloc,
        "scopes": list(SCOPES),
        "messages": {message.type: message.label for message in MESSAGES},
        "custom": dict(CUSTOM),
    }


def build_registration(tool: "Tool", supported: Supported) -> dict[str, Any]:
    """The client registration that goes to a platform (OpenID Connect Dynamic Client
    Registration 1.0, section 2; LTI Dynamic Registration 1.0, section 3.3).

    Asks for nothing that the platform does not have.
    """
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": tool.login_url,
        "redirect_uris": [tool.launch_url],
        "client_name": NAME,
        "jwks_uri": tool.keyset_url,
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": " ".join(choose_scopes(supported)),
        TOOL_CONFIGURATION: {
            "domain": urlsplit(tool.launch_url).netloc,
            "description": DESCRIPTION,
            "target_link_uri": tool.launch_url,
            "custom_parameters": _choose_custom(supported),
            "claims": list(CLAIMS),
            "messages": [
                {
                    "type": message.type,
                    "target_link_uri": tool.launch_url,
                    "label": message.label,
                }
                for message in choose_messages(supported)
            ],
        },
    }


def choose_scopes(supported: Supported) -> Sequence[str]:
    """The scopes that we ask this platform for."""
    if not supported.scopes:
        return USUAL_SCOPES
    return tuple(scope for scope in SCOPES if scope in supported.scopes)


def choose_messages(supported: Supported) -> Sequence[Message]:
    """The messages that we ask this platform for."""
    found = tuple(each for each in MESSAGES if each.type in supported.messages)
    return found or USUAL_MESSAGES


def _choose_custom(supported: Supported) -> dict[str, str]:
    return {
        name: variable
        for name, variable in CUSTOM.items()
        if not supported.variables or variable.removeprefix("$") in supported.variables
    }
