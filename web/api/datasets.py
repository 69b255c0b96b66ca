"""/datasets: the course material."""

import re
from datetime import datetime

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from mentorai.core.datasets import Dataset
from mentorai.core.errors import NotFound
from mentorai.web.api.dataset_bodies import BODY, Sent, fetch, read_sent
from mentorai.web.api.replies import cut_page, no_content, reply, reply_page
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import LATEST, ExactId, Id, Page, PageQuery, Shape
from mentorai.web.api.sources import PassageFacts, describe_passage
from mentorai.web.auth import author, bound_mentor, get_engine

api = Resource("datasets", "The course material that the mentor answers from.")

FIRST = "first"
PASSAGE_ID = re.compile("[0-9]{1,15}")


class DatasetFacts(BaseModel):
    """One document."""

    id: str
    name: str
    media_type: str
    size: int = Field(description="Bytes.")
    training_status: str = Field(description="pending, training, trained or failed")
    error: str = Field(description="Why it failed, if it did.")
    passages: int = Field(description="How many pieces it was cut into.")
    access: str
    url: str = Field(description="Where it was fetched from; empty if it was sent.")
    created_at: datetime
    trained_at: datetime | None
    unchanged: bool = Field(description="Whether just this document was there already.")


class DatasetChanges(Shape):
    """What to change of a document."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "A better name.md"}]})

    name: str = Field(min_length=1, max_length=300)


class DatasetPath(Shape):
    """Which document."""

    dataset_id: Id


class DeletedDataset(Shape):
    """What to delete."""

    dataset_id: ExactId


class PassagePath(DatasetPath):
    """Which passage of which document."""

    passage_id: str = Field(max_length=20, description="An id, or `first`.", examples=[FIRST])


class DatasetPage(Page):
    """Documents, by name."""

    results: list[DatasetFacts]


class PassagePage(Page):
    """Passages, in the document's order."""

    results: list[PassageFacts]


@api.operation(
    "get", "/datasets", scope="datasets:read", summary="See the datasets", returns=DatasetPage
)
def list_datasets(query: PageQuery) -> Response:
    """Every document of the mentor, by name."""
    everything = get_engine().datasets.list(*bound_mentor())
    page = [_describe(one) for one in cut_page(everything, query.page, query.page_size)]
    return reply_page(DatasetPage, page, len(everything), query.page, query.page_size)


@api.operation(
    "post",
    "/datasets",
    scope="datasets:write",
    summary="Add a dataset",
    returns=DatasetFacts,
    status=201,
    reads_json=False,
    request_body=BODY,
    also={200: DatasetFacts},
    waits=True,
)
def add_dataset() -> Response:
    """Takes a file (multipart), text, or the address of a document (JSON).

    A short text is trained when this answers. Anything else is `pending` and trained soon; ask
    for the dataset until its `training_status` is `trained` or `failed`. A document of the same
    name is replaced when the new one is trained; the same document again changes nothing (200).
    """
    taken = _submit(read_sent())
    return reply(_describe(taken), 200 if taken.unchanged else 201)


@api.operation(
    "get",
    "/datasets/<dataset_id>",
    scope="datasets:read",
    summary="See a dataset",
    returns=DatasetFacts,
)
def get_dataset(path: DatasetPath) -> Response:
    """One document, without its text."""
    return reply(_describe(_get(path.dataset_id)))


@api.operation(
    "patch",
    "/datasets/<dataset_id>",
    scope="datasets:write",
    summary="Rename a dataset",
    returns=DatasetFacts,
)
def change_dataset(path: DatasetPath, body: DatasetChanges) -> Response:
    """Gives a document another name."""
    found = _get(path.dataset_id)
    return reply(_describe(get_engine().datasets.rename(*bound_mentor(), found.id, body.name)))


@api.operation(
    "delete",
    "/datasets/<dataset_id>",
    scope="datasets:write",
    summary="Remove a dataset",
    returns=None,
    status=204,
)
def delete_dataset(path: DeletedDataset) -> Response:
    """Removes a document and its passages; answers no longer come from it."""
    get_engine().datasets.delete(*bound_mentor(), path.dataset_id)
    return no_content()


@api.operation(
    "post",
    "/datasets/<dataset_id>/train",
    scope="datasets:write",
    summary="Train a dataset again",
    returns=DatasetFacts,
    status=202,
    reads_json=False,
    waits=True,
)
def train_dataset(path: DatasetPath) -> Response:
    """Reads a document again: one that failed, or one at an address, which is fetched anew.

    Until it is trained, what was read before stays in use.
    """
    found = _get(path.dataset_id)
    if found.url:
        sent = fetch(found.url, found.name)
        fetched = _submit(sent)
        if not fetched.unchanged:
            return reply(_describe(fetched), 202)
    return reply(_describe(get_engine().trainings.repeat(*bound_mentor(), found.id)), 202)


@api.operation(
    "get",
    "/datasets/<dataset_id>/passages",
    scope="datasets:read",
    summary="Read a dataset",
    returns=PassagePage,
)
def list_passages(path: DatasetPath, query: PageQuery) -> Response:
    """The pieces that a document was cut into, in order."""
    found, page, size = _get(path.dataset_id), query.page, query.page_size
    passages = get_engine().datasets.list_passages(
        *bound_mentor(), found.id, page=page, page_size=size
    )
    results = [describe_passage(passage) for passage in passages]
    return reply_page(PassagePage, results, found.passages, page, size)


@api.operation(
    "get",
    "/datasets/<dataset_id>/passages/<passage_id>",
    scope="datasets:read",
    summary="Read a passage",
    returns=PassageFacts,
)
def get_passage(path: PassagePath) -> Response:
    """One passage, as an answer cites it."""
    datasets, where, found = get_engine().datasets, bound_mentor(), _get(path.dataset_id)
    if path.passage_id == FIRST:
        for first in datasets.list_passages(*where, found.id, page=1, page_size=1):
            return reply(describe_passage(first))
        raise NotFound
    if not PASSAGE_ID.fullmatch(path.passage_id):
        raise NotFound
    passage = datasets.get_passage(*where, int(path.passage_id))
    if passage.document_id != found.id:
        raise NotFound
    return reply(describe_passage(passage))


def _submit(sent: Sent) -> Dataset:
    return get_engine().trainings.submit(
        *bound_mentor(), sent.name, sent.media_type, sent.stream, author=author(), url=sent.url
    )


def _get(dataset_id: str) -> Dataset:
    datasets, where = get_engine().datasets, bound_mentor()
    if dataset_id != LATEST:
        return datasets.get(*where, dataset_id)
    everything = datasets.list(*where)
    if not everything:
        raise NotFound
    return max(everything, key=lambda one: (one.created_at, one.id))


def _describe(dataset: Dataset) -> DatasetFacts:
    return DatasetFacts(
        id=dataset.id,
        name=dataset.name,
        media_type=dataset.media_type,
        size=dataset.size,
        training_status=dataset.training_status,
        error=dataset.error,
        passages=dataset.passages,
        access=dataset.access,
        url=dataset.url,
        created_at=dataset.created_at,
        trained_at=dataset.trained_at,
        unchanged=dataset.unchanged,
    )
