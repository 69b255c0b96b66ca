"""The LMS did not do what was asked of it."""

from collections.abc import Sequence

from mentorai.core.errors.root import MentorAIError


class PlatformError(MentorAIError):
    """The LMS did not do what was asked."""

    code = "platform_error"


class PlatformUnavailable(PlatformError):
    """The LMS could not be reached or had trouble of its own.

    is_answer: it did answer, if only with a failure, which may be of this one call.
    may_go_on: nobody waited for its answer any more, and it may be at the call still.
    """

    code = "platform_unavailable"
    retryable = True

    def __init__(
        self, message: str = "", *, is_answer: bool = False, may_go_on: bool = False
    ) -> None:
        super().__init__(message)
        self.is_answer, self.may_go_on = is_answer, may_go_on


class PlatformThrottled(PlatformError):
    """The LMS asked us to slow down.

    retry_after_seconds: how long it asked us to wait; None if it did not say.
    """

    code = "platform_throttled"
    retryable = True

    def __init__(self, message: str = "", *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class PlatformRefused(PlatformError):
    """The LMS refused."""

    code = "platform_refused"


class SignInNeeded(PlatformRefused):
    """Somebody of campus IT must sign in at the LMS again, to let this tool use its API."""

    code = "sign_in_needed"


class ScopeNotGranted(PlatformRefused):
    """The LMS has not granted this tool what the call needs.

    scopes: the names that are missing; their last part is in the sentence.
    """

    code = "scope_not_granted"

    def __init__(self, scopes: Sequence[str] = ()) -> None:
        names = ", ".join(scope.rpartition("/")[2] for scope in scopes)
        sentence = f"The LMS has not granted this tool what the call needs: {names}."
        super().__init__(sentence if names else "")
        self.scopes = tuple(scopes)


class PlatformReplyInvalid(PlatformError):
    """The LMS sent an answer that could not be understood."""

    code = "platform_reply_invalid"
    retryable = True
