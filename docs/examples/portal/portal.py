"""A campus portal in one file: it shows the mentor to whoever is signed in to it.

    MENTORAI_URL=https://mentor.example.edu MENTORAI_API_KEY=mai_... python portal.py

then open http://127.0.0.1:8002. Python's own library is all it needs. The key stays here on the
server; the browser gets an address that works once.
"""

import html
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

PORT = int(os.environ.get("PORT", "8002"))
MENTORAI_URL = os.environ.get("MENTORAI_URL", "http://localhost:8000")
# Who this portal's pages come from, as browsers see it: the mentor lets nobody else frame it.
ORIGIN = os.environ.get("PORTAL_ORIGIN", f"http://127.0.0.1:{PORT}")
# A real portal knows from its own sign-in who asks; this one has one person.
PERSON = {"id": "s1234567", "name": "Ada Lovelace"}

PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>My campus</title>
  <style>
    body {{ font: 1rem/1.5 system-ui; margin: 0 auto; max-width: 60rem; padding: 1rem; }}
    iframe {{ border: 1px solid GrayText; box-sizing: border-box; height: 40rem; width: 100%; }}
  </style>
</head>
<body>
  <main>
    <h1>My campus</h1>
    <p>You are signed in as {name}.</p>
    {content}
  </main>
</body>
</html>
"""


class Portal(BaseHTTPRequestHandler):
    """One page, with the mentor in it."""

    def do_GET(self) -> None:
        """Show the page, with a fresh way into the mentor each time."""
        if urlsplit(self.path).path != "/":
            return self.send_error(404)
        try:
            url = order_ticket(PERSON)["url"]
            content = f'<iframe title="Mentor" src="{html.escape(url)}"></iframe>'
        except (HTTPError, URLError, TimeoutError) as error:
            # What went wrong is for the portal's log; whoever reads the page can only try again.
            self.log_error("no ticket: %s", read_problem(error))
            content = '<p role="alert">The mentor cannot be shown just now. Please reload.</p>'
        body = PAGE.format(name=html.escape(PERSON["name"]), content=content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None


def order_ticket(person: dict[str, str]) -> dict[str, str]:
    """Ask for an address that opens the mentor for this person, once, within 60 seconds."""
    request = Request(
        f"{MENTORAI_URL}/api/v1/sso/tickets",
        data=json.dumps({"user": person, "allowed_origins": [ORIGIN]}).encode(),
        headers={
            "Authorization": f"Api-Token {os.environ['MENTORAI_API_KEY']}",
            "Content-Type": "application/json",
        },
    )
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


def read_problem(error: Exception) -> str:
    """The code and the sentence of a refusal, to look up in docs/errors.md."""
    if not isinstance(error, HTTPError):
        return str(error)
    try:
        problem = json.load(error)
        return f"{error.code} {problem['code']}: {problem['detail']}"
    except (ValueError, KeyError):
        return str(error)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", PORT), Portal).serve_forever()
