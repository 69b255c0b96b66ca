"""A session, or the way into one, was not accepted."""

from mentorai.core.errors.root import MentorAIError


class SessionRejected(MentorAIError):
    """The session is not valid; open the mentor again from the course."""

    code = "session_invalid"


class TicketInvalid(SessionRejected):
    """This way in was used already or is too old; open the mentor again from the portal."""

    code = "ticket_invalid"


class SignOnRejected(MentorAIError):
    """The campus sign-on did not let you in."""

    code = "sign_on_rejected"


class SignInExpired(MentorAIError):
    """You are no longer signed in here."""

    code = "sign_in_expired"


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
