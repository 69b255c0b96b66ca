"""/sso: whose session it is, and a way into the mentor for people of a portal."""

from datetime import datetime
from typing import Annotated

from flask import Response
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from mentorai.core.embedding import Guest, find_identity, issue_ticket
from mentorai.core.errors import InputRejected
from mentorai.core.introspection import find_standing
from mentorai.core.values import Identity
from mentorai.lti.launch import name_opened
from mentorai.web.api.replies import public_url, reply
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import Shape
from mentorai.web.auth import bound_mentor, get_engine, reach
from mentorai.web.embed.tickets import ADDRESS, TICKET
from mentorai.web.page_tokens import read_session_id

api = Resource("sso", "Single sign-on for portals: whose session it is, and ways in.")

CREDENTIAL_CHARACTERS = 48_000
# Lower case, no path, and no character that a header reads as anything else.
ORIGIN = r"^https?://([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(:[0-9]{1,5})?$"


def _say_how(value: object, check: ValidatorFunctionWrapHandler) -> object:
    try:
        return check(value)
    except ValidationError:
        raise ValueError(
            "a scheme and a host in lower case alone, please, as in https://portal.example.edu"
        ) from None


Origin = Annotated[str, StringConstraints(pattern=ORIGIN, max_length=300), WrapValidator(_say_how)]
Credential = Annotated[str, StringConstraints(min_length=1, max_length=CREDENTIAL_CHARACTERS)]


class Presented(Shape):
    """What somebody showed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"credential": "7b0e3f0a-58c7-4f0e-9f0b-0a3d5b1f2c11"}]}
    )

    credential: Credential = Field(
        description="The id of a session or the token of its page, the id_token of a launch, or "
        "an id token or access token of a campus sign-on."
    )


class Whose(BaseModel):
    """A person."""

    id: str | None = Field(description="Ours; None for somebody whom this mentor has not met.")
    name: str | None
    email: str | None


class Standing(BaseModel):
    """Whether it is good. Of what is not, nothing else is said."""

    active: bool
    kind: str | None = Field(default=None, description="`session`, `lti_session` or `campus`.")
    user: Whose | None = None
    roles: list[str] = Field(
        default=[], description="In the course for a session; at the campus for its tokens."
    )
    expires_at: datetime | None = None
    mentor: str | None = None
    context_id: str | None = None


class PortalUser(Shape):
    """A person as the portal knows them."""

    id: str = Field(
        min_length=1,
        max_length=255,
        description="The portal's own id of the person; it means nothing outside this mentor.",
    )
    name: str | None = Field(default=None, max_length=200)
    email: str | None = Field(default=None, max_length=254)


class TicketOrder(Shape):
    """Who is to come in, and where the mentor will be shown. One of `user` and `credential`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user": {"id": "ada", "name": "Ada Lovelace"},
                    "allowed_origins": ["https://portal.example.edu"],
                }
            ]
        }
    )

    user: PortalUser | None = None
    credential: Credential | None = Field(
        default=None, description="A token of a campus sign-on instead, which says who it is."
    )
    allowed_origins: list[Origin] = Field(
        min_length=1, max_length=10, description="Whose pages may show the mentor in a frame."
    )
    quiz: str | None = Field(default=None, max_length=100, description="The id of a quiz to open.")
    locale: str | None = Field(default=None, max_length=64)


class TicketFacts(BaseModel):
    """A way in. Put `url` into the page as it is: it works once."""

    url: str
    expires_at: datetime = Field(description="Until when the address can be opened.")
    session: str = Field(description="The id of the session it opens; /sso/validate takes it.")
    user: str = Field(description="Our id of the person.")


@api.operation(
    "post",
    "/sso/validate",
    scope="sso:validate",
    summary="See whose session it is",
    returns=Standing,
    problems=(502, 503),
    waits=True,
)
def validate_credential(body: Presented) -> Response:
    """Says whether a session or a campus sign-on is good, whose it is and until when. What is
    unknown, ended, expired or another mentor's is `active: false`, never an error.
    """
    organization_id, mentor_id = reach()
    found = find_standing(
        get_engine(),
        organization_id,
        mentor_id,
        session_id=_find_session_id(body.credential),
        credential=body.credential,
    )
    if found is None:
        return reply(Standing(active=False))
    return reply(
        Standing(
            active=True,
            kind=found.kind,
            user=Whose(id=found.person_id, name=found.name, email=found.email),
            roles=list(found.roles),
            expires_at=found.expires_at,
            mentor=found.mentor_id,
            context_id=found.context_id,
        )
    )


@api.operation(
    "post",
    "/sso/tickets",
    scope="sso:embed",
    summary="Let a person in",
    returns=TicketFacts,
    status=201,
    problems=(502, 503),
)
def issue_embed_ticket(body: TicketOrder) -> Response:
    """Gives an address that opens the mentor for one person, as a learner, once and within 60
    seconds, in a page of the origins that are named.
    """
    engine = get_engine()
    organization_id, mentor_id = bound_mentor()
    ticket = issue_ticket(
        engine,
        organization_id,
        mentor_id,
        _find_person(organization_id, body),
        frame_origins=_check_origins(body.allowed_origins),
        quiz_id=body.quiz,
        locale=body.locale,
    )
    return reply(
        TicketFacts(
            url=public_url(f"{ADDRESS}?{TICKET}={ticket.code}"),
            expires_at=ticket.expires_at,
            session=ticket.session.id,
            user=ticket.session.person_id,
        ),
        201,
    )


def _find_session_id(credential: str) -> str:
    of_page = read_session_id(credential)
    if of_page is not None:
        return of_page
    # A launch names its session by its id_token.
    return name_opened(credential) if credential.count(".") == 2 else credential


def _find_person(organization_id: str, body: TicketOrder) -> Guest | Identity:
    if (body.user is None) == (body.credential is None):
        sentence = "One of `user` and `credential`, please."
        raise InputRejected({"user": [sentence], "credential": [sentence]})
    if body.user is not None:
        return Guest(body.user.id, body.user.name, body.user.email)
    return find_identity(get_engine(), organization_id, body.credential or "")


def _check_origins(origins: list[str]) -> list[str]:
    is_lax = get_engine().settings.allow_loopback_platforms
    if not is_lax and not all(origin.startswith("https://") for origin in origins):
        raise InputRejected({"allowed_origins": ["Each must begin with https://."]})
    return list(dict.fromkeys(origins))
