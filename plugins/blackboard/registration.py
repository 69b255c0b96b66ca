"""What registers the tool for Blackboard: once in the vendor's portal, then at each school."""

from typing import Any


def write_document(tool: dict[str, Any]) -> dict[str, Any]:
    """The fields of the portal's form and of the school's own, each with what to enter.

    tool: as describe_tool gives it.
    """
    custom = "\n".join(f"{name}={variable}" for name, variable in tool["custom"].items())
    return {
        "Application Name": tool["name"],
        "Description": tool["description"],
        "Domain(s)": tool["domain"],
        "My Integration supports LTI 1.3": "yes",
        "Login Initiation URL": tool["login_url"],
        "Tool Redirect URL(s)": tool["launch_url"],
        "Tool JWKS URL": tool["keyset_url"],
        "Signing Algorithm": "RS256",
        "Custom Parameters": custom,
        "At the school, LTI Tool Providers: User Fields to Send": "Role in Course, Name, "
        "Email Address",
        "At the school: Allow grade service access": "Yes",
        "At the school: Allow Membership Service Access": "Yes",
        "At the school, Manage Placements: Deep Linking content tool": tool["launch_url"],
        "At the school, Manage Placements: Course tool, allow student access": tool["launch_url"],
    }
