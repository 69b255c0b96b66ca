"""What somebody wrote into a form whose page cannot be shown again.

The session ran out while they wrote, or another tab signed them out: the form's page is gone, and
browsers keep nothing of a page that must not be stored. So the page that says why gives it back.
"""

from flask import request
from werkzeug.exceptions import HTTPException

PAGES = ("admin", "embedded_admin", "embed")
FORM = "application/x-www-form-urlencoded"
# Parts of the names of fields that hold what no page may show.
SECRETS = ("pass", "secret", "token")


def find_written() -> list[tuple[str, str]]:
    """The fields of this request's form that hold several words: a field's name, and its text.

    One word is soon written again, and ids and secrets are one word. Empty if another site sent
    the form, which could else have us show what it likes.
    """
    site = request.headers.get("Sec-Fetch-Site")
    is_ours = request.method == "POST" and request.blueprint in PAGES and site == "same-origin"
    if not is_ours or request.mimetype != FORM:
        return []
    try:
        sent = list(request.form.items(multi=True))
    except HTTPException:
        return []
    return [(_title(name), text) for name, text in sent if _is_words(name, text)]


def _is_words(name: str, text: str) -> bool:
    return len(text.split()) > 1 and not any(part in name.lower() for part in SECRETS)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
