"""A library's calls by the one outbound client: bounded, and never to a private address."""

from io import BytesIO
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from mentorai.lti.platform_http import PlatformHttp


class OutgoingAdapter(BaseAdapter):
    """How a `requests` session of a library posts, authlib's say."""

    def __init__(self, http: PlatformHttp) -> None:
        super().__init__()
        self._http = http

    def send(self, request: PreparedRequest, *_given: Any, **_more: Any) -> Response:
        """Post, once. Raises what PlatformHttp raises."""
        reply = self._http.post(
            request.url or "", headers=dict(request.headers), body=request.body or b""
        )
        response = Response()
        response.status_code = reply.status
        response.headers = CaseInsensitiveDict(reply.headers)
        response.url = reply.url
        response.request = request
        response.raw = BytesIO(reply.body)
        return response

    def close(self) -> None:
        """Nothing is kept here."""
