"""What a page holds in a browser that keeps no cookie for us: a signed token of one session.

It lives for an hour, is renewed while the page is open, and travels in a header alone. Where a
browser follows a link or sends a form no header can go along: then a code goes in the address,
good once and for two minutes (core/sessions.py).
"""

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer

HEADER = "X-Page-Token"
TOKEN_SECONDS = 3_600


def issue_token(session_id: str) -> str:
    """A token for the pages of this session."""
    return _serializer().dumps(session_id)


def read_session_id(token: str) -> str | None:
    """The session that a token of ours is for, or None if it is none or too old."""
    try:
        found = _serializer().loads(token, max_age=TOKEN_SECONDS)
    except BadData:
        return None
    return found if isinstance(found, str) else None


def fits(token: str, session_id: str) -> bool:
    """Whether the token is one of ours for this session, and not too old."""
    return read_session_id(token) == session_id


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="page-token")
