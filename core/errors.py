"""Every error that mentorAI raises on purpose, drawn once.

    MentorAIError
    + ConfigurationError
    + NotFound               also for another mentor's or organization's thing: no existence leak
                             MentorNotChosen
    + Conflict
    + InputRejected
    + TooManyStreams
    + KeyRejected            KeyMissing KeyUnknown KeyExpired KeyInactive KeyScopeTooSmall
                             KeyAddressRefused AdminNeeded
    + RateLimited
    + LaunchRejected         UnknownRegistration UnknownDeployment StateMismatch NonceReused
                             TokenInvalid TokenExpired ClaimMissing MessageUnsupported
                             LaunchDenied PlatformDeclined
                             SigningKeyUnknown SignatureInvalid TokenOutOfTime KeysetUnavailable
      + UnknownDeployment    DeploymentHeld DeploymentRefused
    + RegistrationRejected   InvitationInvalid
    + SessionRejected        SessionExpired SessionEnded SessionDenied TurnDenied TicketInvalid
    + SignOnRejected
    + ScoreRejected          ScoreOutOfRange ScoreStale NoLineItem NotGradable
    + DocumentRejected       DocumentTooLarge DocumentUnreadable DocumentUnsupported
    + PlatformError          PlatformUnavailable PlatformThrottled PlatformRefused
                             PlatformReplyInvalid ScopeNotGranted (a PlatformRefused)
    + ModelError             ModelUnavailable ModelReplyInvalid
    + PluginError            PluginFailed PluginConflict

A class's docstring is the sentence a person may read; `code` is what a program matches;
`retryable` says whether the same call may succeed later. Causes are kept with `raise ... from`.
Statuses are web/errors.py's business.
"""

from collections.abc import Mapping, Sequence


class MentorAIError(Exception):
    """Something went wrong in mentorAI."""

    code = "mentorai_error"
    retryable = False

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


class LaunchRejected(MentorAIError):
    """The launch from the course could not be accepted.

    clause: the part of the specification that was not met, when one was.
    """

    code = "launch_rejected"

    def __init__(self, message: str = "", *, clause: str = "") -> None:
        super().__init__(message)
        self.clause = clause


class UnknownRegistration(LaunchRejected):
    """No LMS with this issuer and client id is registered here."""

    code = "unknown_registration"


class UnknownDeployment(LaunchRejected):
    """This deployment of the LMS is not registered here."""

    code = "unknown_deployment"


class DeploymentHeld(UnknownDeployment):
    """This deployment of the LMS waits for approval by campus IT."""

    code = "deployment_held"


class DeploymentRefused(UnknownDeployment):
    """Campus IT does not let this deployment of the LMS launch."""

    code = "deployment_refused"


class StateMismatch(LaunchRejected):
    """This launch did not begin in this browser, or began too long ago."""

    code = "state_mismatch"


class NonceReused(LaunchRejected):
    """This launch was used already; open the activity again from the course."""

    code = "nonce_reused"


class TokenInvalid(LaunchRejected):
    """The LMS sent a launch token that could not be verified."""

    code = "token_invalid"


class TokenExpired(TokenInvalid):
    """This launch is too old; open the activity again from the course."""

    code = "token_expired"


class SigningKeyUnknown(TokenInvalid):
    """The LMS signed the launch with a key that it does not publish."""

    code = "signing_key_unknown"


class SignatureInvalid(TokenInvalid):
    """The signature of the launch does not fit the key of the LMS."""

    code = "signature_invalid"


class TokenOutOfTime(TokenInvalid):
    """The launch token is from the future: the clocks of the LMS and of this server differ."""

    code = "token_out_of_time"


class KeysetUnavailable(TokenInvalid):
    """The keys of the LMS could not be fetched to check the launch; try again in a minute."""

    code = "keyset_unavailable"


class ClaimMissing(LaunchRejected):
    """The LMS left out something that a launch needs."""

    code = "claim_missing"


class MessageUnsupported(LaunchRejected):
    """The LMS sent a kind of message that is not served here."""

    code = "message_unsupported"


class LaunchDenied(LaunchRejected):
    """This launch is not allowed by the rules of this installation."""

    code = "launch_denied"


class PlatformDeclined(LaunchRejected):
    """The LMS stopped the launch itself."""

    code = "platform_declined"


class RegistrationRejected(MentorAIError):
    """The LMS could not be registered.

    clause: the part of the specification that was not met, when one was.
    """

    code = "registration_rejected"

    def __init__(self, message: str = "", *, clause: str = "") -> None:
        super().__init__(message)
        self.clause = clause


class InvitationInvalid(RegistrationRejected):
    """This invitation was used, was withdrawn or is too old; ask your campus IT for a new one."""

    code = "invitation_invalid"


class SessionRejected(MentorAIError):
    """The session is not valid; open the mentor again from the course."""

    code = "session_invalid"


class TicketInvalid(SessionRejected):
    """This way in was used already or is too old; open the mentor again from the portal."""

    code = "ticket_invalid"


class SignOnRejected(MentorAIError):
    """The campus sign-on did not let you in."""

    code = "sign_on_rejected"


class SessionExpired(SessionRejected):
    """The session ran out; open the mentor again from the course."""

    code = "session_expired"


class SessionEnded(SessionRejected):
    """The session was ended; open the mentor again from the course."""

    code = "session_ended"


class SessionDenied(SessionRejected):
    """The rules of this installation do not allow this session."""

    code = "session_denied"


class TurnDenied(SessionRejected):
    """The rules of this installation do not allow this message."""

    code = "turn_denied"


class ScoreRejected(MentorAIError):
    """The score was not accepted."""

    code = "score_rejected"


class ScoreOutOfRange(ScoreRejected):
    """The score is below zero or its maximum is not above zero."""

    code = "score_out_of_range"


class ScoreStale(ScoreRejected):
    """The LMS holds a newer score for this person."""

    code = "score_stale"


class NoLineItem(ScoreRejected):
    """The course has no gradebook column for this activity and offered no way to make one."""

    code = "no_line_item"


class NotGradable(ScoreRejected):
    """The LMS does not take grades for this person: staff, or no longer in the course."""

    code = "not_gradable"


class DocumentRejected(MentorAIError):
    """The document was not accepted."""

    code = "document_rejected"


class DocumentTooLarge(DocumentRejected):
    """The document is larger than this installation allows."""

    code = "document_too_large"


class DocumentUnreadable(DocumentRejected):
    """The document could not be read."""

    code = "document_unreadable"


class DocumentUnsupported(DocumentRejected):
    """Documents of this kind cannot be read here."""

    code = "document_unsupported"


class PlatformError(MentorAIError):
    """The LMS did not do what was asked."""

    code = "platform_error"


class PlatformUnavailable(PlatformError):
    """The LMS could not be reached or had trouble of its own."""

    code = "platform_unavailable"
    retryable = True


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


class ModelError(MentorAIError):
    """The language model did not answer as it should."""

    code = "model_error"


class ModelUnavailable(ModelError):
    """The language model could not be reached."""

    code = "model_unavailable"
    retryable = True


class ModelReplyInvalid(ModelError):
    """The language model sent an answer that could not be understood."""

    code = "model_reply_invalid"


class PluginError(MentorAIError):
    """A plugin did not keep its promises."""

    code = "plugin_error"


class PluginFailed(PluginError):
    """A plugin failed."""

    code = "plugin_failed"

    def __init__(self, plugin: str, hook: str) -> None:
        super().__init__(f"The plugin {plugin} failed in {hook}.")
        self.plugin = plugin
        self.hook = hook


class PluginConflict(PluginError):
    """Two plugins claim the same thing."""

    code = "plugin_conflict"
