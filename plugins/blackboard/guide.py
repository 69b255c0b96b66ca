"""How Blackboard Learn is connected, step by step: once at the vendor, then at each school."""

from mentorai.core.values import SetupField, SetupGuide, SetupStep, SetupWay
from mentorai.plugins.blackboard.registration import OF_THE_TOOL, PLACEMENTS

PORTAL = "developer.blackboard.com, My Apps"
GATEWAY = "https://developer.blackboard.com/api/v1"
PROVIDERS = "Administrator Panel, Integrations, LTI Tool Providers"

GUIDE = SetupGuide(
    family="blackboard",
    title="Blackboard Learn",
    needs="An account at developer.blackboard.com, once; then an administrator of each Learn.",
    ways=(
        SetupWay(
            "By hand",
            (
                SetupStep(
                    "Press `+`, enter these values and press `Register application and generate "
                    "API Key`.",
                    PORTAL,
                    shows="document",
                ),
                SetupStep(
                    "Bring the `Application ID` here; it is the client id. (Key and secret are for "
                    "Blackboard's REST API, and shown once.)",
                    PORTAL,
                    shows="form",
                ),
                SetupStep(
                    "At each school: press `Register LTI 1.3/Advantage Tool`, paste the "
                    "Application ID, press Submit. Set Tool Status to `Approved`, and these:",
                    PROVIDERS,
                    values=OF_THE_TOOL,
                ),
                SetupStep(
                    "In the tool's menu press `Manage Placements` and create these; the address "
                    "is their target link URI.",
                    PROVIDERS,
                    values=PLACEMENTS,
                ),
            ),
            "Blackboard has no registration by link.",
        ),
    ),
    fields=(
        SetupField(
            "client_id",
            "Application ID",
            "Not the Application Key.",
            kind="uuid",
            example="5ad3c4f0-8a1b-4c52-9d39-0f8f5f7f2a11",
        ),
        SetupField(
            "deployment_id",
            "Deployment ID",
            "Of one school. Leave it empty, and the first launch of each school waits for you to "
            "let it in.",
        ),
    ),
    facts={
        "issuer": "https://blackboard.com",
        "client_id": "{client_id}",
        "auth_url": f"{GATEWAY}/gateway/oidcauth",
        "token_url": f"{GATEWAY}/gateway/oauth2/jwttoken",
        "keyset_url": f"{GATEWAY}/management/applications/{{client_id}}/jwks.json",
    },
    try_it="In a course open Books & Course Tools, or add it to the content, and open it.",
)
