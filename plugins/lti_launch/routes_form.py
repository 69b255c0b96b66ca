"""The form that a platform posts, read in one step."""

from urllib.parse import parse_qsl

from flask import request

FORM_BYTES = 200_000
URL_ENCODED = "application/x-www-form-urlencoded"


def read_form() -> dict[str, str]:
    """The fields of the request's form, each with its first value. Raises RequestEntityTooLarge.

    Werkzeug's reader is made for uploads, and costs every launch as much as its signature does.
    """
    request.max_content_length = FORM_BYTES
    if not request.environ.get("CONTENT_TYPE", "").startswith(URL_ENCODED):
        return request.form.to_dict()
    pairs = parse_qsl(request.get_data().decode(errors="replace"), keep_blank_values=True)
    return dict(reversed(pairs))
