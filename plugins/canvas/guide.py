"""How an administrator of Canvas connects it, step by step."""

from mentorai.core.values import SetupChoice, SetupField, SetupGuide, SetupStep, SetupWay

DEVELOPER_KEYS = "Admin, your account, Developer Keys"
APPS = "Admin, your account, Settings, Apps, View App Configurations"
INSTALL = SetupStep(
    "Press `+ App`, choose the configuration type `By Client ID`, enter the number and press "
    "Submit, then Install.",
    APPS,
)
ADDRESS, ISSUER = "{address}", "{issuer}"


def _hosted(part: str) -> dict[str, str]:
    """The facts of Instructure's own installation; part: `beta.`, `test.`, or nothing."""
    sign_on = f"https://sso.{part}canvaslms.com"
    return {
        "issuer": f"https://canvas.{part}instructure.com",
        "auth_url": f"{sign_on}/api/lti/authorize_redirect",
        "token_url": f"{sign_on}/login/oauth2/token",
        "keyset_url": f"{sign_on}/api/lti/security/jwks",
    }


GUIDE = SetupGuide(
    family="canvas",
    title="Canvas",
    needs="An administrator of the Canvas account who may see Developer Keys.",
    ways=(
        SetupWay(
            "By a link",
            (
                SetupStep("Make the link here. It works once.", shows="link"),
                SetupStep(
                    "Press `+ Developer Key`, `+ LTI Registration`, paste the link and go on. A "
                    "page of ours opens inside Canvas: press Register, then Enable & Close.",
                    DEVELOPER_KEYS,
                ),
                SetupStep(
                    "If Canvas shows the key as off, switch its State to `ON`. Copy the number "
                    "under Details.",
                    DEVELOPER_KEYS,
                ),
                INSTALL,
            ),
            "Nothing is copied by hand. For a Canvas that has `+ LTI Registration`. One on a "
            "server of your own needs an issuer of its own (`lti_iss`), and its host in the field "
            "below.",
        ),
        SetupWay(
            "By pasting",
            (
                SetupStep(
                    "Press `+ Developer Key`, `+ LTI Key`. As Method choose `Enter URL` and paste "
                    "this address, or `Paste JSON` and paste what stands below it. Where Redirect "
                    "URIs is empty, enter the `target_link_uri` that stands there. Press Save.",
                    DEVELOPER_KEYS,
                    shows="document_url",
                ),
                SetupStep("Switch the key's State to `ON`.", DEVELOPER_KEYS),
                SetupStep("Bring the number under Details here.", DEVELOPER_KEYS, shows="form"),
                INSTALL,
            ),
            "For every Canvas.",
        ),
    ),
    choices_title="Which Canvas",
    choices=(
        SetupChoice("production", "Hosted by Instructure", _hosted("")),
        SetupChoice("beta", "Hosted by Instructure, beta", _hosted("beta.")),
        SetupChoice("test", "Hosted by Instructure, test", _hosted("test.")),
        SetupChoice(
            "own",
            "On a server of your own",
            {
                "issuer": ISSUER,
                "auth_url": f"{ADDRESS}/api/lti/authorize_redirect",
                "token_url": f"{ADDRESS}/login/oauth2/token",
                "keyset_url": f"{ADDRESS}/api/lti/security/jwks",
            },
        ),
    ),
    fields=(
        SetupField(
            "client_id",
            "Client ID",
            "The number under Details of the key.",
            example="10000000000042",
        ),
        SetupField(
            "deployment_id",
            "Deployment ID",
            "Under Settings, Apps, the app's menu. Leave it empty, and the first launch waits for "
            "you to let it in.",
        ),
        SetupField(
            "address",
            "Address of your Canvas",
            "For a server of your own only.",
            kind="host",
            example="https://canvas.example.edu",
        ),
        SetupField(
            "issuer",
            "Issuer",
            "For a server of your own only: `lti_iss` in its security.yml, if it is another than "
            "https://canvas.instructure.com.",
            kind="address",
            example="https://canvas.example.edu",
            usual="https://canvas.instructure.com",
            is_rare=True,
        ),
    ),
    facts={"client_id": "{client_id}"},
    link_host="sso.canvaslms.com",
    try_it="In a course open Settings, Navigation, move mentorAI to the top and save. Then press "
    "mentorAI in the course's menu.",
)
