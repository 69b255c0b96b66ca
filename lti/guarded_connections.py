"""Connections that refuse private addresses, decided at the moment of connecting.

The name is looked up once and the very addresses that were checked are connected to, so a name
that changes its mind between check and use gains nothing.
"""

import socket
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
from mentorai.lti.origins import is_public_address


def guard(manager: PoolManager) -> None:
    """Make every connection of this manager a guarded one."""
    manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def _connect(connection: HTTPConnection) -> socket.socket:
    host = connection.host.strip("[]")
    try:
        found = socket.getaddrinfo(host, connection.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        failure = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(connection.host, connection, failure) from error
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if not all(is_public_address(address) for address in addresses):
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
            timeout,
            source_address=connection.source_address,
            socket_options=connection.socket_options,
        )
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, "connecting took too long") from error
    except OSError as error:
        raise NewConnectionError(connection, type(error).__name__) from error


class _HttpConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _HttpsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection
