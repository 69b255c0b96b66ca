"""How campus IT connects one family of LMS: what to do there, and what to bring back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Part = Literal["", "document", "document_url", "link", "form"]


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One thing to do. text: what, in the LMS's own words; `so` stands what is typed or pressed.

    screen: the way to the page of the LMS. shows: what stands beside it here: `document`, the
    values of `registration_document`; `document_url`, the address where they are; `link`, a
    link by which the LMS registers itself; `form`, the fields for what the LMS answered.
    values: names of values of `registration_document` that stand beside this step, and not where
    `document` shows all others.
    """

    text: str
    screen: str = ""
    shows: Part = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetupWay:
    """One way to go, its steps in order. title: what tells it from the others; hint: whom for."""

    title: str
    steps: tuple[SetupStep, ...]
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SetupField:
    """One value that the LMS shows and campus IT brings here.

    label: as the LMS calls it. kind: `address` is made a full address without an end slash, and
    cut before the first of `cuts`, so that any page of the LMS may be pasted; `host` is made an
    address without a path; `url` is a full address that stays as it is; `uuid` is one, which a
    name or a key is not. example: what one looks like. usual: what holds where it is left empty.
    is_rare: few need it, so it is folded away.
    """

    name: str
    label: str
    hint: str = ""
    kind: Literal["text", "address", "host", "url", "uuid"] = "text"
    cuts: tuple[str, ...] = ()
    example: str = ""
    usual: str = ""
    is_rare: bool = False


@dataclass(frozen=True, slots=True)
class SetupChoice:
    """One installation of several that a vendor runs: which facts of the registration it sets."""

    value: str
    label: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetupGuide:
    """How campus IT connects this family of LMS (hook setup_guide).

    needs: who must be at hand, in a sentence. ways: the best first.
    fields: what is brought back. facts: what becomes of it: issuer, client_id, auth_url, token_url,
        keyset_url, token_audience, name -> a text in which {field} stands for a field's value. A
        field that no fact names is not asked to be there; one that a fact names must be.
    choices: installations that set further facts; the first is taken if nobody chooses.
    link_host: whom a registration link is for when campus IT names no host.
    try_it: how to open the tool in a course, for the first launch.
    """

    family: str
    title: str
    needs: str
    ways: tuple[SetupWay, ...]
    fields: tuple[SetupField, ...]
    facts: Mapping[str, str]
    choices: tuple[SetupChoice, ...] = ()
    choices_title: str = ""
    link_host: str = ""
    try_it: str = ""
