"""How an administrator of Sakai connects it, step by step."""

from mentorai.core.values import SetupField, SetupGuide, SetupStep, SetupWay

TOOLS = "Administration Workspace, External Tools"

GUIDE = SetupGuide(
    family="sakai",
    title="Sakai",
    needs="An administrator of the Sakai.",
    ways=(
        SetupWay(
            "By a link",
            (
                SetupStep("Make the link here. It works once.", shows="link"),
                SetupStep(
                    "Press `Install LTI 1.x Tool`, then `Use LTI Advantage Auto Configuration`, "
                    "enter a title, paste the link and press Register. A page of ours opens: press "
                    "Register.",
                    TOOLS,
                ),
            ),
            "Nothing is copied by hand.",
        ),
        SetupWay(
            "By hand",
            (
                SetupStep(
                    "Press `Install LTI 1.x Tool`, enter these values and save.",
                    TOOLS,
                    shows="document",
                ),
                SetupStep(
                    "Open the tool again: Sakai now shows its own values under LTI 1.3. Bring them "
                    "here.",
                    TOOLS,
                    shows="form",
                ),
            ),
            "If the link cannot be used.",
        ),
    ),
    fields=(
        SetupField(
            "address",
            "LTI 1.3 Issuer",
            "The address of your Sakai. Any page of it will do.",
            kind="host",
            example="https://sakai.example.edu",
        ),
        SetupField("client_id", "LTI 1.3 Client ID"),
        SetupField(
            "token_url",
            "LTI 1.3 Token Endpoint",
            "Each tool has its own.",
            kind="address",
            example="https://sakai.example.edu/imsblis/lti13/token/7",
        ),
        SetupField(
            "deployment_id",
            "LTI 1.3 Deployment ID",
            "Leave it empty, and the first launch waits for you to let it in.",
            example="1",
        ),
    ),
    facts={
        "issuer": "{address}",
        "client_id": "{client_id}",
        "auth_url": "{address}/imsoidc/lti13/oidc_auth",
        "token_url": "{token_url}",
        "keyset_url": "{address}/imsblis/lti13/keyset",
    },
    try_it="In a site open Site Info, Manage Tools, choose mentorAI under External Tools, and open "
    "it.",
)
