"""The root of every error, and what can go wrong anywhere."""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class MentorAIError(Exception):
    """Something went wrong in mentorAI."""

    code = "mentorai_error"
    retryable = False
    # After so many tries it is what `becomes` says; None: it is tried for as long as anything is.
    tries: ClassVar[int | None] = None
    becomes: "ClassVar[type[MentorAIError] | None]" = None

    def __init__(self, message: str = "") -> None:
        self.message = message or (self.__doc__ or "").strip().splitlines()[0]
        super().__init__(self.message)


class ConfigurationError(MentorAIError):
    """A setting is wrong or missing."""

    code = "configuration_invalid"


class NotFound(MentorAIError):
    """There is no such thing here."""

    code = "not_found"


class MentorNotChosen(NotFound):
    """No mentor has been chosen for this place yet."""

    code = "mentor_not_chosen"


class Conflict(MentorAIError):
    """This clashes with what is already there."""

    code = "conflict"


class InputRejected(MentorAIError):
    """Some of what was sent is not right.

    errors: field name -> sentences about it; never the value that was sent.
    """

    code = "validation_failed"

    def __init__(self, errors: Mapping[str, Sequence[str]], message: str = "") -> None:
        super().__init__(message)
        self.errors = {field: list(sentences) for field, sentences in errors.items()}


class TooManyStreams(MentorAIError):
    """Too many answers are being written at this moment; try again in a few seconds."""

    code = "busy"
    retryable = True


class DatabaseUnavailable(MentorAIError):
    """The database could not do this at the moment; try again in a few seconds."""

    code = "database_unavailable"
    retryable = True
