"""An administrator's session in a header, for programs: an hour long, and over at signing out.

API keys never make, show or end API keys; people do, in the admin. A program that does it acts
for one of them, with a token from `mentorai keys admin-token`.
"""

from itsdangerous import BadData, URLSafeTimedSerializer

from mentorai.core.admins import Admin
from mentorai.core.engine import Engine
from mentorai.core.errors import KeyExpired, KeyUnknown, NotFound

LIFE_SECONDS = 3600
PREFIX = "mas_"


def make_admin_token(secret: str, admin: Admin) -> str:
    """A token with which a program acts as this administrator."""
    return PREFIX + _serializer(secret).dumps([admin.id, admin.stamp])


def check_admin_token(engine: Engine, text: str) -> Admin:
    """The administrator that a token speaks for.

    Raises KeyUnknown for what is no token; KeyExpired when its hour is over or its person has
    signed out since.
    """
    serializer = _serializer(engine.settings.web_secret)
    try:
        admin_id, stamp = serializer.loads(text.removeprefix(PREFIX))
    except (BadData, ValueError, TypeError) as error:
        raise KeyUnknown from error
    try:
        admin_id, stamp = serializer.loads(text.removeprefix(PREFIX), max_age=LIFE_SECONDS)
        admin = engine.admins.get(admin_id)
    except (BadData, NotFound) as error:
        raise KeyExpired("The administrator's token has expired.") from error
    if admin.stamp != stamp:
        raise KeyExpired("The administrator has signed out since this token was made.")
    return admin


def _serializer(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="admin-token")
