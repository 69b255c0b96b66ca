"""An admin who calls the API: known by the cookie of their browser, or by a token of theirs.

A browser sends its cookie by itself, so a change that comes with one also needs the header
X-CSRF-Token, with the value that each answer to an admin brings: no other site can read it there.
"""

from flask import Response, after_this_request, request
from flask_wtf.csrf import CSRFError, ValidationError, generate_csrf, validate_csrf

from mentorai.core.errors import AdminNeeded
from mentorai.web.admin.desk import find_admin
from mentorai.web.admin_tokens import PREFIX, check_admin_token
from mentorai.web.auth import CallingAdmin, get_engine, names_key, read_key_text, take_caller

CSRF_HEADER = "X-CSRF-Token"
READING = ("GET", "HEAD", "OPTIONS")


def admit_admin() -> None:
    """Let an admin through. Raises AdminNeeded, CSRFError, KeyUnknown, KeyExpired, RateLimited."""
    if not admit_if_admin():
        raise AdminNeeded


def admit_if_admin() -> bool:
    """Let an admin through; False if the caller is none, or brings a key to be judged by.

    Raises CSRFError; KeyUnknown and KeyExpired for a token that is not good; RateLimited.
    """
    if names_key(request.environ):
        # By that alone: a cookie comes by itself, also with a key that was left empty.
        text = read_key_text(request.environ) or ""
        is_token = text.startswith(PREFIX) and "HTTP_X_API_KEY" not in request.environ
        admin = check_admin_token(get_engine(), text) if is_token else None
    else:
        admin = find_admin(get_engine())
        if admin is not None:
            after_this_request(_give_csrf_token)
            _check_page_of_ours()
    if admin is None:
        return False
    take_caller(CallingAdmin(admin.id, admin.organization_id))
    return True


def _give_csrf_token(response: Response) -> Response:
    # The next change by cookie needs it.
    response.headers[CSRF_HEADER] = generate_csrf()
    return response


def _check_page_of_ours() -> None:
    if request.method in READING:
        return
    try:
        validate_csrf(request.headers.get(CSRF_HEADER))
    except ValidationError as error:
        raise CSRFError(str(error)) from error
