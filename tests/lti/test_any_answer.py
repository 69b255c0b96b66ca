"""Whatever a platform's services answer is read as far as it goes, or is a refusal of ours."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mentorai.core.errors import PlatformError, ScoreRejected
from mentorai.core.launch_facts import GroupService
from mentorai.core.values import LineItem
from mentorai.lti.groups import list_groups
from mentorai.lti.line_items import get_line_item, list_line_items
from mentorai.lti.nrps import list_members
from mentorai.lti.results import list_results

URL = "https://lms.example.edu/2/results"
NAMES = (
    *("id", "label", "scoreMaximum", "resourceId", "resourceLinkId", "tag", "userId"),
    *("resultScore", "resultMaximum", "comment", "user_id", "roles", "status", "name"),
    *("members", "groups", "sets", "access_token", "expires_in", "scope", "error"),
)
TEXTS = ("", "NaN", "1e400", "\x00", "https://lms.example.edu/x", "http://[", "a b")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(TEXTS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=10,
)
LINKS = ("", "<>; rel=next", "<http://[>; rel=next", f"<{URL}>; rel=“next”", "<x>;rel=;", "<//y>")
numbers = count()


@given(
    answer=JSON.map(json.dumps) | st.sampled_from(["", "<p>Sign in", "[" * 9_000, "\ufeff{}"]),
    status=st.sampled_from([200, 200, 200, 204, 302, 401, 403, 404, 429, 500]),
    link=st.sampled_from(LINKS),
    wait=st.sampled_from(["", "soon", "-1", "9" * 400, "Thu, 32 Nov 2026 99:00:00 GMT"]),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_answer_is_read_or_refused(
    tool: Any, registration: Any, platform: Any, answer: str, status: int, link: str, wait: str
) -> None:
    headers = {"Link": link.encode().decode("latin-1"), "Retry-After": wait}
    platform.wire.upsert("GET", URL, body=answer, status=status, headers=headers)
    platform.wire.upsert("POST", platform.token_url, body=answer, status=status, headers=headers)
    with suppress(PlatformError):
        tool.tokens.get(registration, [f"scope-{next(numbers)}"])
    platform.grant()

    reads: list[Callable[[], Iterable[object]]] = [
        lambda: list_line_items(tool, registration, URL),
        lambda: [get_line_item(tool, registration, URL)],
        lambda: list_results(tool, registration, LineItem(url=URL.removesuffix("/results"))),
        lambda: list_groups(tool, registration, GroupService(URL, URL)),
        lambda: list_members(tool, registration, URL),
    ]
    for read in reads:
        with suppress(PlatformError, ScoreRejected):
            list(read())
