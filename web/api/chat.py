"""/chat: ask the mentor."""

from typing import Annotated

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field

from mentorai.web.api.replies import reply
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import GivenMetadata, Shape
from mentorai.web.api.sources import Source, make_locate
from mentorai.web.auth import bound_mentor, caller, get_engine
from mentorai.web.errors import make_problem
from mentorai.web.streams import collect_events, stream_events

api = Resource("chat", "Ask the mentor.")

STREAM = "text/event-stream"
PAGE_CHARACTERS = 50_000
EXAMPLE = "What is a keystone species?"
EVENTS = """\
event: start
data: {"session_id":"0f6c...","turn_id":"91ab..."}

event: token
data: {"data":"Limpets hold on "}

event: sources
data: [{"n":1,"dataset":"77c1...","document":"Week 1","heading":"Limpets","page":null,...}]

event: done
data: {"eos":true,"usage":{}}

"""

DocumentId = Annotated[str, Field(min_length=1, max_length=100)]


class Question(Shape):
    """A message to the mentor."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"prompt": EXAMPLE}]})

    prompt: str = Field(min_length=1, description="What you ask.")
    session_id: str | None = Field(
        default=None, max_length=100, description="The conversation to go on with."
    )
    document_filter: list[DocumentId] = Field(
        default=[], max_length=100, description="Answer from these datasets (ids) only."
    )
    page_content: str = Field(
        default="",
        max_length=PAGE_CHARACTERS,
        description="What the person has before them. A language model is told it with this "
        "message; it is kept nowhere, and quoted answers do not use it.",
    )
    metadata: GivenMetadata = Field(default_factory=dict)


class Reply(BaseModel):
    """The mentor's answer."""

    session_id: str = Field(description="The conversation; send it along to go on.")
    turn_id: str
    reply: str = Field(description="Markdown; [n] marks the n-th source.")
    sources: list[Source]
    eos: bool
    usage: dict[str, int] = Field(description="What a model counted, if one answered.")


@api.operation(
    "post",
    "/chat",
    scope="chat:write",
    summary="Ask the mentor",
    returns=Reply,
    problems=(502, 503),
    also_as={STREAM: EVENTS},
    waits=True,
)
def ask(body: Question) -> Response:
    """Answers with JSON, or with server-sent events for `Accept: text/event-stream`.

    Events: `start`, `token`..., `sources`, `done`; `error` if it breaks off. A comment comes
    every 15 seconds; closing the connection stops the answer.
    """
    engine = get_engine()
    for dataset_id in body.document_filter:
        engine.datasets.get(*bound_mentor(), dataset_id)
    organization_id, mentor_id = bound_mentor()
    events = engine.chat.answer(
        organization_id=organization_id,
        mentor_id=mentor_id,
        message=body.prompt,
        conversation_id=body.session_id,
        key_id=caller().id,
        document_ids=body.document_filter,
        page_content=body.page_content,
        metadata=body.metadata,
    )
    locate = make_locate()
    if request.accept_mimetypes.best_match(["application/json", STREAM]) == STREAM:
        return stream_events(events, locate)
    turn = collect_events(events, locate)
    if "code" in turn:
        return make_problem(502, turn["code"], turn["detail"])
    return reply(Reply.model_validate(turn))
