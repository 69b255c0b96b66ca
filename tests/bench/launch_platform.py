"""The platform of launch.py: a key set and a token endpoint, as slow as wanted, that count.

Every server asks an address of its own, /NAME/MILLISECONDS/jwks.json, so that each is counted
apart and all can be measured in the same rounds.
"""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from joserfc.jwk import RSAKey


class Platform:
    """What is published, and what was asked."""

    def __init__(self, keys: Sequence[RSAKey]) -> None:
        self.asked: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.address = ""
        self._now: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.publish(keys)

    def publish(self, keys: Sequence[RSAKey]) -> None:
        """Let these be the whole key set from now on."""
        listed = [key.as_dict(private=False, use="sig", alg="RS256") for key in keys]
        self._keyset = json.dumps({"keys": listed}).encode()

    def keyset_url(self, name: str, delay_ms: int) -> str:
        """The address of the key set for the server of this name."""
        return f"{self.address}/{name}/{delay_ms}/jwks.json"

    def answer(self, path: str, body: bytes) -> bytes:
        """What is answered, after the delay that the path asks for."""
        with self._lock:
            self.asked[path] += 1
            self._now[path] += 1
            self.most_at_once[path] = max(self.most_at_once[path], self._now[path])
        time.sleep(int(path.split("/")[2]) / 1000)
        with self._lock:
            self._now[path] -= 1
        if path.endswith("/jwks.json"):
            return self._keyset
        scope = parse_qs(body.decode())["scope"][0]
        with self._lock:
            self.tokens[scope] += 1
            number = self.tokens.total()
        token = {"access_token": f"token-{number}", "token_type": "Bearer", "expires_in": 3600}
        return json.dumps(token | {"scope": scope}).encode()


@contextmanager
def serving(platform: Platform) -> Iterator[int]:
    """The platform over HTTP; gives the port, at which nothing listens any more afterwards."""

    class Answer(BaseHTTPRequestHandler):
        # An answer in one piece, and at once: http.server's own sends it in two, of which the
        # second waits for the first to be acknowledged.
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = platform.answer(self.path, asked)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        # More callers at once than its five.
        request_queue_size = 64
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Answer)
    platform.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silence(port: int) -> Iterator[None]:
    """A port that takes calls and answers none."""
    with socket.create_server(("127.0.0.1", port), backlog=64):
        yield
