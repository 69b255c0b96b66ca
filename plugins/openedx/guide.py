"""How an LTI consumer component of Open edX is connected, step by step."""

from mentorai.core.values import SetupField, SetupGuide, SetupStep, SetupWay

SETTINGS = "Studio, the course, Settings, Advanced Settings"
UNIT = "Studio, the unit, Add New Component, Advanced, LTI Consumer"

GUIDE = SetupGuide(
    family="openedx",
    title="Open edX",
    needs="Somebody who may edit the course in Studio.",
    ways=(
        SetupWay(
            "By hand",
            (
                SetupStep('Add `"lti_consumer"` to the Advanced Module List and save.', SETTINGS),
                SetupStep("Press `Edit`, enter these values and save.", UNIT, shows="document"),
                SetupStep("Bring here what Studio shows below the component.", UNIT, shows="form"),
            ),
            "Each component is registered by itself, or several with a reusable configuration.",
        ),
    ),
    fields=(
        SetupField(
            "address",
            "Address of the LMS",
            "Where students learn, not Studio.",
            kind="host",
            example="https://courses.example.edu",
        ),
        SetupField("client_id", "Client ID", example="3f2a8c1e-6c1f-4b52-9d39-0f8f5f7f2a11"),
        SetupField("keyset_url", "Keyset URL"),
        SetupField("token_url", "Access Token URL"),
        SetupField("auth_url", "Login URL", "Before 2022 called OIDC Callback URL."),
        SetupField("deployment_id", "Deployment ID", example="1"),
    ),
    facts={
        "issuer": "{address}",
        "client_id": "{client_id}",
        "auth_url": "{auth_url}",
        "token_url": "{token_url}",
        "keyset_url": "{keyset_url}",
    },
    try_it="Press `View Live Version` of the unit and open the component.",
)
