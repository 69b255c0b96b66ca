"""Every error that mentorAI raises on purpose, drawn once.

    MentorAIError
    + ConfigurationError
    + NotFound               also for another mentor's or organization's thing: no existence leak
                             MentorNotChosen
    + Conflict
    + InputRejected
    + TooManyStreams
    + DatabaseUnavailable    nothing of what was asked is kept
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
    + SignInExpired
    + ScoreRejected          ScoreOutOfRange ScoreStale NoLineItem
                             TeacherGradeStands
      + NotGradable          PersonIsStaff PersonNotInCourse GradeLocked GradeMaybeLocked
                             CourseConcluded AttemptsExhausted
    + DocumentRejected       DocumentTooLarge DocumentUnreadable DocumentUnsupported
    + PlatformError          PlatformUnavailable PlatformThrottled PlatformRefused
                             PlatformReplyInvalid
      + PlatformRefused      ScopeNotGranted SignInNeeded
    + ModelError             ModelUnavailable ModelReplyInvalid
    + PluginError            PluginFailed PluginConflict

A class's docstring is the sentence a person may read; `code` is what a program matches;
`retryable` says whether the same call may succeed later. Causes are kept with `raise ... from`.
Statuses are web/errors.py's business.
"""

from mentorai.core.errors.documents import (
    DocumentRejected,
    DocumentTooLarge,
    DocumentUnreadable,
    DocumentUnsupported,
)
from mentorai.core.errors.grades import (
    AttemptsExhausted,
    CourseConcluded,
    GradeLocked,
    GradeMaybeLocked,
    NoLineItem,
    NotGradable,
    PersonIsStaff,
    PersonNotInCourse,
    ScoreOutOfRange,
    ScoreRejected,
    ScoreStale,
    TeacherGradeStands,
)
from mentorai.core.errors.keys import (
    AdminNeeded,
    KeyAddressRefused,
    KeyExpired,
    KeyInactive,
    KeyMissing,
    KeyRejected,
    KeyScopeTooSmall,
    KeyUnknown,
    RateLimited,
)
from mentorai.core.errors.launches import (
    ClaimMissing,
    DeploymentHeld,
    DeploymentRefused,
    InvitationInvalid,
    KeysetUnavailable,
    LaunchDenied,
    LaunchRejected,
    MessageUnsupported,
    NonceReused,
    PlatformDeclined,
    RegistrationRejected,
    SignatureInvalid,
    SigningKeyUnknown,
    StateMismatch,
    TokenExpired,
    TokenInvalid,
    TokenOutOfTime,
    UnknownDeployment,
    UnknownRegistration,
)
from mentorai.core.errors.platforms import (
    PlatformError,
    PlatformRefused,
    PlatformReplyInvalid,
    PlatformThrottled,
    PlatformUnavailable,
    ScopeNotGranted,
    SignInNeeded,
)
from mentorai.core.errors.plugins import (
    ModelError,
    ModelReplyInvalid,
    ModelUnavailable,
    PluginConflict,
    PluginError,
    PluginFailed,
)
from mentorai.core.errors.root import (
    ConfigurationError,
    Conflict,
    DatabaseUnavailable,
    InputRejected,
    MentorAIError,
    MentorNotChosen,
    NotFound,
    TooManyStreams,
)
from mentorai.core.errors.sessions import (
    SessionDenied,
    SessionEnded,
    SessionExpired,
    SessionRejected,
    SignInExpired,
    SignOnRejected,
    TicketInvalid,
    TurnDenied,
)

__all__ = [
    "AdminNeeded",
    "AttemptsExhausted",
    "ClaimMissing",
    "ConfigurationError",
    "Conflict",
    "CourseConcluded",
    "DatabaseUnavailable",
    "DeploymentHeld",
    "DeploymentRefused",
    "DocumentRejected",
    "DocumentTooLarge",
    "DocumentUnreadable",
    "DocumentUnsupported",
    "GradeLocked",
    "GradeMaybeLocked",
    "InputRejected",
    "InvitationInvalid",
    "KeyAddressRefused",
    "KeyExpired",
    "KeyInactive",
    "KeyMissing",
    "KeyRejected",
    "KeyScopeTooSmall",
    "KeyUnknown",
    "KeysetUnavailable",
    "LaunchDenied",
    "LaunchRejected",
    "MentorAIError",
    "MentorNotChosen",
    "MessageUnsupported",
    "ModelError",
    "ModelReplyInvalid",
    "ModelUnavailable",
    "NoLineItem",
    "NonceReused",
    "NotFound",
    "NotGradable",
    "PersonIsStaff",
    "PersonNotInCourse",
    "PlatformDeclined",
    "PlatformError",
    "PlatformRefused",
    "PlatformReplyInvalid",
    "PlatformThrottled",
    "PlatformUnavailable",
    "PluginConflict",
    "PluginError",
    "PluginFailed",
    "RateLimited",
    "RegistrationRejected",
    "ScopeNotGranted",
    "ScoreOutOfRange",
    "ScoreRejected",
    "ScoreStale",
    "SessionDenied",
    "SessionEnded",
    "SessionExpired",
    "SessionRejected",
    "SignInExpired",
    "SignInNeeded",
    "SignOnRejected",
    "SignatureInvalid",
    "SigningKeyUnknown",
    "StateMismatch",
    "TeacherGradeStands",
    "TicketInvalid",
    "TokenExpired",
    "TokenInvalid",
    "TokenOutOfTime",
    "TooManyStreams",
    "TurnDenied",
    "UnknownDeployment",
    "UnknownRegistration",
]
