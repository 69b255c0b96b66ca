"""The form by which campus IT registers the tool in Lyceum."""

from typing import Any


def write_form(tool: dict[str, Any]) -> dict[str, str]:
    """The fields of its form "New LTI tool", in its order, each with what to enter."""
    return {
        "Name": tool["name"],
        "Tool address": tool["launch_url"],
        "Login address": tool["login_url"],
        "Key set": tool["keyset_url"],
        "May use": "Grade book, class list",
        "Extra values": "\n".join(f"{name}={value}" for name, value in tool["custom"].items()),
    }
