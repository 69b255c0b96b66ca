"""How an administrator of Brightspace connects it, step by step."""

from mentorai.core.values import SetupField, SetupGuide, SetupStep, SetupWay

EXTENSIBILITY = "Admin Tools, Manage Extensibility, LTI Advantage"
DEPLOYMENTS = "Admin Tools, External Learning Tools, LTI Advantage"
DEPLOY = SetupStep(
    "Press `New Deployment`, choose mentorAI, allow the extensions, under Security Settings first "
    "name, last name and e-mail, and choose the org units. Then press `View Links`, `New Link`: "
    "the URL is the target link URI.",
    DEPLOYMENTS,
)

GUIDE = SetupGuide(
    family="brightspace",
    title="Brightspace",
    needs="An administrator who may manage extensibility and external learning tools.",
    ways=(
        SetupWay(
            "By a link",
            (
                SetupStep("Make the link here. It works once.", shows="link"),
                SetupStep(
                    "Press `Register Tool`, choose `Dynamic`, paste the link and press Register. "
                    "A page of ours opens: press Register.",
                    EXTENSIBILITY,
                ),
                SetupStep("Switch the tool on, if it is not.", EXTENSIBILITY),
                DEPLOY,
            ),
            "Nothing is copied by hand.",
        ),
        SetupWay(
            "By hand",
            (
                SetupStep(
                    "Press `Register Tool`, choose `Standard`, enter these values and press "
                    "Register.",
                    EXTENSIBILITY,
                    shows="document",
                ),
                SetupStep(
                    "Brightspace shows the registration details: bring the client id here.",
                    EXTENSIBILITY,
                    shows="form",
                ),
                DEPLOY,
            ),
            "If the link cannot be used.",
        ),
    ),
    fields=(
        SetupField(
            "host",
            "Issuer",
            "The address of your Brightspace. Any page of it will do.",
            kind="host",
            example="https://school.brightspace.com",
        ),
        SetupField(
            "client_id", "Client Id", kind="uuid", example="3f1c9e52-5d0e-4a7d-9a54-7ce3f2f6f0a1"
        ),
        SetupField(
            "deployment_id",
            "Deployment Id",
            "Shown when the deployment is made. Leave it empty, and the first launch waits for you "
            "to let it in.",
        ),
    ),
    facts={
        "issuer": "{host}",
        "client_id": "{client_id}",
        "auth_url": "{host}/d2l/lti/authenticate",
        "token_url": "https://auth.brightspace.com/core/connect/token",
        "keyset_url": "{host}/d2l/.well-known/jwks",
    },
    try_it="In a course open Content, Add Existing (or Existing Activities), External Learning "
    "Tools, mentorAI, and open it.",
)
