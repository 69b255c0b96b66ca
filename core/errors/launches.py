"""A launch, or the registration of an LMS, was not accepted."""

from collections.abc import Mapping

from mentorai.core.errors.root import MentorAIError


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
    """This deployment of the LMS waits for approval by campus IT.

    registration_id: where campus IT decides on it. facts: what tells it from others, each by what
    it is called; for staff and campus IT to pass on, and empty when a student launched.
    """

    code = "deployment_held"

    def __init__(
        self,
        message: str = "",
        *,
        clause: str = "",
        registration_id: str = "",
        facts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, clause=clause)
        self.registration_id = registration_id
        self.facts = dict(facts or {})


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
