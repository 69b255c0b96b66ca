"""What registers the tool in Brightspace by hand."""

from typing import Any


def write_document(tool: dict[str, Any]) -> dict[str, Any]:
    """The fields of its form "Register Tool" under Manage Extensibility, LTI Advantage.

    tool: as describe_tool gives it.
    """
    return {
        "Name": tool["name"],
        "Description": tool["description"],
        "Domain": tool["launch_url"].removesuffix("/lti/launch"),
        "Redirect URLs": tool["launch_url"],
        "OpenID Connect Login URL": tool["login_url"],
        "Target Link URI": tool["launch_url"],
        "Keyset URL": tool["keyset_url"],
        "Extensions": "Assignment and Grade Services, Deep Linking, Names and Role Provisioning "
        "Services",
        "Substitution parameters": "\n".join(
            f"{name}={variable}" for name, variable in tool["custom"].items()
        ),
        "Security settings of the deployment": "First Name, Last Name, Email",
    }
