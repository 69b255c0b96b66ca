"""A browser's connection for the benches, as cheap as it can be.

The driver shares the machine's cores with the servers that it measures, so whatever it spends is
added to every server alike and hides how they differ. http.client reads an answer's headers with
the parser for e-mail, which costs as much as some whole answers.
"""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

PROCESS_PATH = "/process"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: its status, and its header fields as they came."""

    status: int
    fields: list[tuple[str, str]]

    def find(self, name: str) -> str:
        """The first field of this name (lower case), or nothing."""
        return next((value for known, value in self.fields if known == name), "")


def write_post(port: int, path: str, body: bytes, cookies: Mapping[str, str]) -> bytes:
    """A form as it goes over the wire."""
    shown = "; ".join(f"{name}={value}" for name, value in cookies.items())
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    )
    cookie = f"Cookie: {shown}\r\n" if shown else ""
    return f"{head}{cookie}\r\n".encode() + body


class Wire:
    """One kept-open connection to 127.0.0.1; `number` is of the request that is under way."""

    def __init__(self, port: int) -> None:
        self.number = 0
        self.begun = 0.0
        self._got = b""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def send(self, number: int, request: bytes) -> None:
        """Begin a request. Raises OSError."""
        self.number, self._got = number, b""
        self.begun = time.perf_counter()
        self._socket.sendall(request)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def receive(self) -> Answer | None:
        """Take what has come; the answer once it is whole. Raises OSError."""
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionError("the server hung up")
        self._got += piece
        head, found, rest = self._got.partition(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        answer = Answer(int(first[9:12]), [(name.lower(), value) for name, _, value in pairs])
        return answer if _is_whole(answer, rest) else None


def open_evenly(port: int, count: int, processes: int) -> list[Wire]:
    """So many connections, an equal share of them to each process of a server.

    Whichever process wakes first takes a connection and keeps it. Left to that, one may serve seven
    of eight browsers while the other has nothing to do, and luck is what is measured.
    Raises OSError.
    """
    share = count // processes
    held: dict[str, list[Wire]] = {}
    while len(held) < processes or any(len(wires) < share for wires in held.values()):
        wire = Wire(port)
        wires = held.setdefault(_ask_process(wire, port), [])
        if len(wires) < share:
            wires.append(wire)
        else:
            wire.close()
    return [wire for wires in held.values() for wire in wires]


def _ask_process(wire: Wire, port: int) -> str:
    wire.send(0, f"GET {PROCESS_PATH} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
    while (answer := wire.receive()) is None:
        pass
    return answer.find("process")


def _is_whole(answer: Answer, body: bytes) -> bool:
    if answer.find("transfer-encoding") == "chunked":
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(answer.find("content-length") or 0)
