"""/search: find passages in the course material."""

from flask import Response
from pydantic import BaseModel, Field

from mentorai.web.api.replies import reply
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import Shape
from mentorai.web.api.sources import FoundPassage, describe_found
from mentorai.web.auth import bound_mentor, get_engine

api = Resource("search", "Find passages in the course material.")


class SearchQuery(Shape):
    """What to look for."""

    q: str = Field(
        min_length=1,
        max_length=2_000,
        description="A question, in plain words.",
        examples=["What is a keystone species?"],
    )
    limit: int = Field(default=5, ge=1, le=50)


class SearchResults(BaseModel):
    """Passages, the best first."""

    results: list[FoundPassage]


@api.operation(
    "get", "/search", scope="datasets:read", summary="Find passages", returns=SearchResults
)
def search(query: SearchQuery) -> Response:
    """The passages that may answer a question, the best first; the mentor answers from these."""
    _, mentor_id = bound_mentor()
    found = get_engine().retrieval.search(mentor_id, query.q, limit=query.limit)
    return reply(SearchResults(results=[describe_found(passage) for passage in found]))
