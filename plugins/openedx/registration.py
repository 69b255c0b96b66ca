"""What registers the tool in Open edX: one LTI consumer component in Studio."""

from typing import Any


def write_document(tool: dict[str, Any]) -> dict[str, Any]:
    """The fields of the component, in its order, each with what to enter.

    Named as in the editor of April 2026 (its version 11.2); the docs have the names of before. No
    custom parameters: it fills none of LTI's variables in, and sends their names.
    tool: as describe_tool gives it.
    """
    return {
        "Display Name": tool["name"],
        "LTI Version": "LTI 1.3",
        "Launch URL": tool["launch_url"],
        "Registered Redirect URIs": f'["{tool["launch_url"]}"]',
        "Tool Initiate Login URL (OIDC)": tool["login_url"],
        "Tool Public Key Mode": "Keyset URL",
        "Tool Keyset URL": tool["keyset_url"],
        "Deep linking": "Enabled",
        "Deep Linking Launch URL": tool["launch_url"],
        "Assignment and Grades": "Programmatic",
        "Names & Roles (NRPS)": "Enabled",
        "Open tool in": "Inline",
        "This activity is graded": "Graded",
        "Share Username, Share Full name, Share Email": "ticked",
    }
