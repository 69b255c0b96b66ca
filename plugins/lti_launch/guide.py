"""How an administrator of any LMS that speaks LTI 1.3 connects it."""

from typing import Any

from mentorai.core.values import SetupField, SetupGuide, SetupStep, SetupWay

FAMILY = "lti"
TOOLS = "where your LMS keeps external tools of LTI 1.3 (also called LTI Advantage)"

GUIDE = SetupGuide(
    family=FAMILY,
    title="Another LMS",
    needs="An administrator of the LMS, which must speak LTI 1.3.",
    ways=(
        SetupWay(
            "By a link",
            (
                SetupStep("Make the link here. It works once.", shows="link"),
                SetupStep(
                    "Paste the link where the LMS offers registration by address (dynamic "
                    "registration). A page of ours opens: press Register.",
                    TOOLS,
                ),
            ),
            "For an LMS that offers dynamic registration.",
        ),
        SetupWay(
            "By hand",
            (
                SetupStep(
                    "Add a tool and enter these values; your LMS may have other names for them. "
                    "Let it read our keys from the address: a key that is pasted stops working.",
                    TOOLS,
                    shows="document",
                ),
                SetupStep("Bring here what the LMS shows then.", TOOLS, shows="form"),
            ),
            "For every LMS.",
        ),
    ),
    fields=(
        SetupField(
            "issuer",
            "Issuer",
            "Also: platform ID, `iss`. Every character counts, also a slash at the end.",
            example="https://lms.example.edu",
        ),
        SetupField("client_id", "Client ID"),
        SetupField(
            "auth_url",
            "Authentication URL",
            "Also: OIDC authorization endpoint.",
            example="https://lms.example.edu/lti/auth",
        ),
        SetupField(
            "token_url",
            "Token URL",
            "Also: OAuth 2 access token endpoint.",
            example="https://lms.example.edu/lti/token",
        ),
        SetupField(
            "keyset_url",
            "Key set URL",
            "Also: public keyset, JWKS endpoint.",
            example="https://lms.example.edu/lti/jwks",
        ),
        SetupField(
            "deployment_id",
            "Deployment ID",
            "Leave it empty, and the first launch waits for you to let it in.",
        ),
    ),
    facts={
        name: "{" + name + "}"
        for name in ("issuer", "client_id", "auth_url", "token_url", "keyset_url")
    },
    try_it="Add the tool to a course and open it there as an instructor.",
)


def write_document(tool: dict[str, Any]) -> dict[str, str]:
    """Our values under the names that most LMSs have for them."""
    return {
        "Name": tool["name"],
        "Login initiation URL": tool["login_url"],
        "Redirect URI": tool["launch_url"],
        "Target link URI (tool URL)": tool["launch_url"],
        "Deep linking URL (content selection)": tool["launch_url"],
        "Public key set URL (JWKS)": tool["keyset_url"],
        "Services": "grades (AGS: line items, scores, results); names and roles (NRPS)",
        "Privacy": "names and e-mail addresses",
        "Custom parameters": "\n".join(
            f"{name}={variable}" for name, variable in tool["custom"].items()
        ),
    }
