"""An API key, or what it may do, was not accepted."""

from mentorai.core.errors.root import MentorAIError


class KeyRejected(MentorAIError):
    """The API key was not accepted."""

    code = "key_invalid"


class KeyMissing(KeyRejected):
    """An API key is needed; send it as "Authorization: Api-Token <key>"."""

    code = "key_missing"


class KeyUnknown(KeyRejected):
    """This API key is not known here."""

    code = "key_invalid"


class KeyExpired(KeyRejected):
    """This API key has expired."""

    code = "key_expired"


class KeyInactive(KeyRejected):
    """This API key was deactivated or revoked."""

    code = "key_inactive"


class KeyScopeTooSmall(KeyRejected):
    """This API key lacks the scope that the call needs."""

    code = "scope_missing"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This API key lacks the scope {scope}.")
        self.scope = scope


class KeyAddressRefused(KeyRejected):
    """This API key does not work from this network address."""

    code = "address_refused"


class AdminNeeded(KeyRejected):
    """API keys are managed by an admin who is signed in here, never by a key."""

    code = "admin_needed"


class RateLimited(MentorAIError):
    """More calls than this API key may make."""

    code = "rate_limited"
    retryable = True

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
