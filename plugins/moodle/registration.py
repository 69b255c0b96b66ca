"""What registers the tool in Moodle by hand."""

from typing import Any


def write_document(tool: dict[str, Any]) -> dict[str, Any]:
    """The fields of its form "External tool configuration", in its order, each with what to enter.

    tool: as describe_tool gives it.
    """
    custom = "\n".join(f"{name}={variable}" for name, variable in tool["custom"].items())
    return {
        "Tool name": tool["name"],
        "Tool URL": tool["launch_url"],
        "Tool description": tool["description"],
        "LTI version": "LTI 1.3",
        "Public key type": "Keyset URL",
        "Public keyset": tool["keyset_url"],
        "Initiate login URL": tool["login_url"],
        "Redirection URI(s)": tool["launch_url"],
        "Custom parameters": custom,
        "Tool configuration usage": "Show in activity chooser and as a preconfigured tool",
        "Default launch container": "Embed, without blocks",
        "Supports Deep Linking (Content-Item Message)": "yes",
        "Content Selection URL": tool["launch_url"],
        "IMS LTI Assignment and Grade Services": "Use this service for grade sync "
        "and column management",
        "IMS LTI Names and Role Provisioning": "Use this service to retrieve members' information",
        "Tool Settings": "Do not use this service",
        "Share launcher's name with tool": "Always",
        "Share launcher's email with tool": "Always",
        # With Always a mentor without a score has a column too, of 100 points.
        "Accept grades from the tool": "As specified in Deep Linking definition or Delegate to "
        "teacher",
    }
