"""A browser's connection for the benches, as cheap as it can be.

The driver shares the machine's cores with the servers that it measures, so whatever it spends is
added to every server alike and hides how they differ. http.client reads an answer's headers with
the parser for e-mail, which costs as much as some whole answers.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: its status, and its header fields as they came."""

    status: int
    fields: list[tuple[str, str]]

    def find(self, name: str) -> str:
        """The first field of this name (lower case), or nothing."""
        return next((value for known, value in self.fields if known == name), "")


class Wire:
    """One kept-open connection to 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self._host = f"Host: localhost:{port}\r\n".encode()
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: bytes, cookies: Mapping[str, str]) -> Answer:
        """Send a form and read the answer to its end. Raises OSError."""
        shown = "; ".join(f"{name}={value}" for name, value in cookies.items())
        head = (
            f"POST {path} HTTP/1.1\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        )
        cookie = f"Cookie: {shown}\r\n" if shown else ""
        self._socket.sendall(head.encode() + self._host + cookie.encode() + b"\r\n" + body)
        return self._read()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _read(self) -> Answer:
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._receive()
        head, _, rest = got.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        answer = Answer(int(first[9:12]), [(name.lower(), value) for name, _, value in pairs])
        self._read_body(answer, rest)
        return answer

    def _read_body(self, answer: Answer, got: bytes) -> None:
        if answer.find("transfer-encoding") == "chunked":
            while not got.endswith(b"0\r\n\r\n"):
                got += self._receive()
            return
        length = int(answer.find("content-length") or 0)
        while len(got) < length:
            got += self._receive()

    def _receive(self) -> bytes:
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionError("the server hung up")
        return piece
