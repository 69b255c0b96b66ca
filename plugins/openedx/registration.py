"""What registers the tool in Open edX: one LTI consumer component in Studio."""

from typing import Any


def write_document(tool: dict[str, Any]) -> dict[str, Any]:
    """The fields of the component, in its order, each with what to enter.

    tool: as describe_tool gives it.
    """
    custom = ", ".join(f'"{name}={variable}"' for name, variable in tool["custom"].items())
    return {
        "Display Name": tool["name"],
        "LTI Version": "LTI 1.3",
        "Configuration Type": "Configuration on block",
        "Tool Launch URL": tool["launch_url"],
        "Registered Redirect URIs": f'["{tool["launch_url"]}"]',
        "Tool Initiate Login URL": tool["login_url"],
        "Tool Public Key Mode": "Keyset URL",
        "Tool Keyset URL": tool["keyset_url"],
        "Enable LTI NRPS": "True",
        "Deep linking": "True",
        "Deep Linking Launch URL": tool["launch_url"],
        "LTI Assignment and Grades Service": "Allow tools to manage and submit grade "
        "(programmatic)",
        "Custom Parameters": f"[{custom}]",
        "LTI Launch Target": "Inline",
        "Scored": "True",
        "Request user's username, full name and email": "True",
    }
