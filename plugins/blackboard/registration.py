"""What registers the tool for Blackboard: once in the vendor's portal, then at each school."""

from typing import Any

# What an administrator of the school sets: of the tool, and of its placements.
OF_THE_TOOL = (
    "At the school: User Fields to Send",
    "At the school: Allow grade service access",
    "At the school: Allow Membership Service Access",
)
PLACEMENTS = (
    "At the school: Deep Linking content tool",
    "At the school: Course tool, Allow student access",
)
YES = "Yes"


def write_document(tool: dict[str, Any]) -> dict[str, Any]:
    """The fields of the portal's form and of the school's own, each with what to enter.

    tool: as describe_tool gives it.
    """
    custom = "\n".join(f"{name}={variable}" for name, variable in tool["custom"].items())
    return {
        "Application Name": tool["name"],
        "Description": tool["description"],
        "Domain(s)": tool["domain"],
        "My Integration supports LTI 1.3": YES,
        "Login Initiation URL": tool["login_url"],
        "Tool Redirect URL(s)": tool["launch_url"],
        "Tool JWKS URL": tool["keyset_url"],
        "Signing Algorithm": "RS256",
        "Custom Parameters": custom,
        **dict(zip(OF_THE_TOOL, ("Role in Course, Name, Email Address", YES, YES), strict=True)),
        **dict.fromkeys(PLACEMENTS, tool["launch_url"]),
    }
