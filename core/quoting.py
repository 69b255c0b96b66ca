"""The answer of a mentor without a language model: sentences of the material, word for word."""

from collections.abc import Iterator

from mentorai.core.values import Event, TurnRequest


def quote(request: TurnRequest) -> Iterator[Event]:
    """Answer with up to three sentences of the passages, each with its citation."""
    raise NotImplementedError
