"""requests' adapter without what it does for a session, of which PlatformHttp has none.

No cookie is looked for and no proxy, and the kept connections of a host are found by its origin:
all that cost half as much CPU as the call itself.
"""

from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidURL
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPConnectionPool
from urllib3.poolmanager import PoolKey

from mentorai.lti.origins import find_origin


class PlainAdapter(HTTPAdapter):
    """Sends what PlatformHttp prepared; every https host must show a good certificate."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self._hosts: dict[str, tuple[PoolKey, dict[str, Any]]] = {}

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, *_proxies: Any, **_facts: Any
    ) -> HTTPConnectionPool:
        """The kept connections to the host of a call. Raises InvalidURL."""
        origin = find_origin(request.url)
        if origin is None:
            raise InvalidURL(request=request)
        host = self._hosts.get(origin)
        if host is None:
            address, tls = self.build_connection_pool_key_attributes(request, verify)
            context = {**self.poolmanager.connection_pool_kw, **tls, **address}
            host = self.poolmanager.key_fn_by_scheme[address["scheme"]](context), context
            self._hosts[origin] = host
        key, context = host
        # A copy: making the connections of a host takes out of it what it uses, and those of the
        # host that was called longest ago are given up for the next one's.
        pool: HTTPConnectionPool = self.poolmanager.connection_from_pool_key(key, dict(context))
        return pool

    def request_url(self, request: PreparedRequest, _proxies: Any) -> str:
        """What stands in the first line of a call."""
        return request.path_url

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """An answer, as far as PlatformHttp reads it."""
        response = Response()
        response.status_code, response.reason = resp.status, resp.reason
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw, response.request, response.url = resp, req, str(req.url)
        return response
