"""What registers the tool in Sakai by hand."""

from typing import Any


def write_document(tool: dict[str, Any]) -> dict[str, Any]:
    """The fields of its form for an external tool of LTI 1.3 (Administration Workspace).

    tool: as describe_tool gives it.
    """
    return {
        "Tool Title": tool["name"],
        "Description": tool["description"],
        "Launch URL": tool["launch_url"],
        "Tool supports LTI 1.3": "yes",
        "LTI 1.3 Tool Keyset URL": tool["keyset_url"],
        "LTI 1.3 Tool OpenID Connect/Initialization Endpoint": tool["login_url"],
        "LTI 1.3 Tool Redirect Endpoint(s)": tool["launch_url"],
        "Custom Parameters": "\n".join(
            f"{name}={variable}" for name, variable in tool["custom"].items()
        ),
        "Send User Names to External Tool": "yes",
        "Send Email Addresses to External Tool": "yes",
        "Provide Roster to External Tool": "yes",
        "Allow External Tool to return grades and create columns": "yes",
        "Placements": "Lessons (content item), Course Navigation (launch)",
    }
