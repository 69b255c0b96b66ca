"""How an administrator of Moodle connects it, step by step."""

from mentorai.core.values import SetupField, SetupGuide, SetupStep, SetupWay

MANAGE = "Site administration, Plugins, Activity modules, External tool, Manage tools"

GUIDE = SetupGuide(
    family="moodle",
    title="Moodle",
    needs="A site administrator of the Moodle.",
    ways=(
        SetupWay(
            "By a link",
            (
                SetupStep("Make the link here. It works once.", shows="link"),
                SetupStep(
                    "Paste the link into `Tool URL` and press `Add LTI Advantage`. A page of ours "
                    "opens: press Register.",
                    MANAGE,
                ),
                SetupStep("The tool's card is marked Pending: press `Activate`.", MANAGE),
                SetupStep(
                    "Press the gear on the tool's card. Set `Tool configuration usage` to `Show in "
                    "activity chooser and as a preconfigured tool`; save.",
                    MANAGE,
                ),
            ),
            "Nothing is copied by hand.",
        ),
        SetupWay(
            "By hand",
            (
                SetupStep(
                    "Press `configure a tool manually`, enter these values and save.",
                    MANAGE,
                    shows="document",
                ),
                SetupStep(
                    "Press the magnifier on the tool's card (View configuration details) and bring "
                    "these here.",
                    MANAGE,
                    shows="form",
                ),
            ),
            "If the link cannot be used.",
        ),
    ),
    fields=(
        SetupField(
            "address",
            "Platform ID",
            "The address of your Moodle. Any page of it will do.",
            kind="address",
            cuts=("/mod/", "/my/", "/login/", "/course/", "/admin/", "/user/", "/index.php"),
            example="https://moodle.example.edu",
        ),
        SetupField("client_id", "Client ID", example="a8bKq2vN0cXw5Zt"),
        SetupField(
            "deployment_id",
            "Deployment ID",
            "Leave it empty, and the first launch waits for you to let it in.",
            example="1",
        ),
    ),
    facts={
        "issuer": "{address}",
        "client_id": "{client_id}",
        "auth_url": "{address}/mod/lti/auth.php",
        "token_url": "{address}/mod/lti/token.php",
        "keyset_url": "{address}/mod/lti/certs.php",
    },
    try_it="In a course switch editing on, press `Add an activity or resource`, mentorAI (or "
    "External tool), save, and open it.",
)
