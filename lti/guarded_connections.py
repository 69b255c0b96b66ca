"""Connections that refuse private addresses, decided at the moment of connecting.

The name is looked up once and the very addresses that were checked are connected to, so a name
that changes its mind between check and use gains nothing.
"""

import socket
from collections.abc import Callable
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util.connection import create_connection

from mentorai.core.errors import PlatformRefused
from mentorai.lti.origins import is_loopback, is_public_address
from mentorai.lti.timed_answers import TimedAnswer, limit_seconds

Allowed = Callable[[str], bool]


def guard(manager: PoolManager, *, allow_loopback: bool) -> None:
    """Make every connection of this manager a guarded one.

    allow_loopback: let this machine itself be called, and no other private address.
    """

    def is_allowed(address: str) -> bool:
        return is_public_address(address) or (allow_loopback and is_loopback(address))

    manager.pool_classes_by_scheme = _make_pools(is_allowed)


def _connect(connection: HTTPConnection, is_allowed: Allowed) -> socket.socket:
    host = connection.host.strip("[]")
    try:
        found = socket.getaddrinfo(host, connection.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        failure = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(connection.host, connection, failure) from error
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if not all(is_allowed(address) for address in addresses):
        raise PlatformRefused("An address of the LMS was not called: it is a private one.")
    for address in addresses[:-1]:
        try:
            return _open(connection, address)
        except HTTPError:
            continue
    return _open(connection, addresses[-1])


def _open(connection: HTTPConnection, address: str) -> socket.socket:
    timeout: Any = connection.timeout
    try:
        return create_connection(
            (address, connection.port or 443),
            limit_seconds(timeout),
            source_address=connection.source_address,
            socket_options=connection.socket_options,
        )
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, "connecting took too long") from error
    except OSError as error:
        raise NewConnectionError(connection, type(error).__name__) from error


def _make_pools(is_allowed: Allowed) -> dict[str, type[HTTPConnectionPool]]:
    class Http(HTTPConnection):
        response_class = TimedAnswer

        def _new_conn(self) -> socket.socket:
            return _connect(self, is_allowed)

    class Https(HTTPSConnection):
        response_class = TimedAnswer

        def _new_conn(self) -> socket.socket:
            return _connect(self, is_allowed)

    class HttpPool(HTTPConnectionPool):
        ConnectionCls = Http

    class HttpsPool(HTTPSConnectionPool):
        ConnectionCls = Https

    return {"http": HttpPool, "https": HttpsPool}
