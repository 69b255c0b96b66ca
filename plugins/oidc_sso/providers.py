"""The campus's providers, as `oidc.toml` names them."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mentorai.core.errors import ConfigurationError
from mentorai.core.settings import Settings
from mentorai.core.values import Role
from mentorai.lti.origins import find_url_fault

FILE = "oidc.toml"
CLAIM = re.compile(r"[^\s.]+(\.[^\s.]+)*")
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Provider(BaseModel):
    """One provider.

    name: part of its addresses here and of who its people are: it never changes. groups_claim:
    where a token or the userinfo answer names groups; dots lead inside. roles: our role -> the
    groups that have it. audiences: whose access tokens portals may show, besides our own id
    tokens. match_email: whether people are matched by an e-mail address that it has verified.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    title: Text
    issuer: Text
    client_id: Text
    client_secret: Annotated[str, StringConstraints(max_length=500)] = ""
    organization: Text = "default"
    scopes: tuple[Text, ...] = ("openid", "profile", "email")
    groups_claim: Annotated[str, StringConstraints(pattern=CLAIM.pattern)] = "groups"
    roles: Mapping[Role, tuple[Text, ...]] = Field(default_factory=dict)
    audiences: tuple[Text, ...] = ()
    match_email: bool = False

    @property
    def authority(self) -> str:
        """The first half of the identity of everyone whom it vouches for."""
        return f"oidc:{self.name}"

    @property
    def makes_admins(self) -> bool:
        """Whether some of its people are campus IT."""
        return bool(self.roles.get(Role.ADMINISTRATOR))

    def read_roles(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """The roles that these claims' groups have, in falling order of power."""
        groups = set(_read_groups(claims, self.groups_claim))
        return tuple(role.value for role in Role if groups & set(self.roles.get(role, ())))


def read_providers(settings: Settings) -> dict[str, Provider]:
    """The providers by name; none if there is no file.

    Raises ConfigurationError that says what is wrong, and repeats no value.
    """
    path = settings.data_dir / FILE
    if not path.exists():
        return {}
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(f"{path}: other users can read its secrets; chmod 600 it.")
    found: dict[str, Provider] = {}
    for number, facts in enumerate(_read_file(path), start=1):
        provider = _read_provider(path, number, facts)
        fault = find_url_fault(provider.issuer, allow_loopback=settings.allow_loopback_platforms)
        if fault:
            raise ConfigurationError(f"{path}: provider {number}, issuer: {fault}")
        if provider.name in found:
            raise ConfigurationError(f"{path}: two providers are called {provider.name}.")
        found[provider.name] = provider
    return found


def _read_file(path: Path) -> list[Any]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    listed = document.pop("providers", [])
    if document or not isinstance(listed, list):
        raise ConfigurationError(f"{path}: it holds [[providers]] and nothing else.")
    return listed


def _read_provider(path: Path, number: int, facts: Any) -> Provider:
    try:
        return Provider.model_validate(facts)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = ".".join(map(str, problem["loc"])) or "providers"
        raise ConfigurationError(f"{path}: provider {number}, {name}: {problem['msg']}.") from None


def _read_groups(claims: Mapping[str, Any], claim: str) -> list[str]:
    # A claim's own name may hold dots too, as those that are addresses do.
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = [found] if isinstance(found, str) else found
    return [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
