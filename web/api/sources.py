"""Passages and citations as they travel in JSON."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, Field

from mentorai.core.values import Citation, Passage
from mentorai.web.api.replies import public_url
from mentorai.web.api.resource import PREFIX


class Source(BaseModel):
    """A numbered mark in a reply and the words of the material behind it."""

    n: int = Field(description="The number in the reply.")
    dataset: str = Field(description="The id of the dataset.")
    document: str = Field(description="The dataset's name.")
    heading: str
    page: int | None
    quote: str = Field(description="Word for word from the material.")
    url: str = Field(description="Where the whole passage is read.")


class PassageFacts(BaseModel):
    """A citable piece of the course material."""

    id: int
    dataset: str = Field(description="The id of the dataset.")
    document: str = Field(description="The dataset's name.")
    heading: str
    page: int | None
    text: str
    url: str


class FoundPassage(PassageFacts):
    """A passage that a search found."""

    matched: float = Field(description="How much of the question's weight it covers, 0 to 1.")


def make_locate() -> Callable[[Citation], str]:
    """What says where the API gives a cited passage; it works after the request has ended too."""
    base = public_url(PREFIX)

    def locate(citation: Citation) -> str:
        return f"{base}/datasets/{citation.document_id}/passages/{citation.passage_id}"

    return locate


def describe_passage(passage: Passage) -> PassageFacts:
    """A passage, without how well it fits."""
    return PassageFacts(**_facts(passage))


def describe_found(passage: Passage) -> FoundPassage:
    """A passage, with how well it fits."""
    return FoundPassage(**_facts(passage), matched=round(passage.matched, 4))


def describe_sources(citations: tuple[Citation, ...]) -> list[Source]:
    """The citations of a reply."""
    locate = make_locate()
    return [
        Source(
            n=one.n,
            dataset=one.document_id,
            document=one.document_name,
            heading=one.heading,
            page=one.page,
            quote=one.quote,
            url=locate(one),
        )
        for one in citations
    ]


def _facts(passage: Passage) -> dict[str, Any]:
    return {
        "id": passage.id,
        "dataset": passage.document_id,
        "document": passage.document_name,
        "heading": passage.heading,
        "page": passage.page,
        "text": passage.text,
        "url": public_url(f"{PREFIX}/datasets/{passage.document_id}/passages/{passage.id}"),
    }
