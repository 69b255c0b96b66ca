"""Results: what a gradebook column holds for each person.

Source: LTI Assignment and Grade Services 2.0, section 3.3.
"""

from collections.abc import Iterator

from mentorai.core.errors import NoLineItem, PlatformReplyInvalid
from mentorai.core.values import LineItem, Result
from mentorai.lti.line_items import SCOPE, add_path, read_points, read_text, read_words
from mentorai.lti.registrations import Registration
from mentorai.lti.services import add_query, read_pages
from mentorai.lti.tool import Tool

RESULT_SCOPE = f"{SCOPE}result.readonly"
RESULTS_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"
COMMENT_LENGTH = 2_000


def list_results(
    tool: Tool,
    registration: Registration,
    line_item: LineItem,
    *,
    subject: str = "",
    limit: int = 0,
) -> Iterator[Result]:
    """The results of a column, or of one person in it, page by page.

    limit: a wish for the size of a page; by default none is sent, since Moodle fails on it.
    Raises, while it is read, ScopeNotGranted and PlatformError of every kind; NoLineItem where the
    column is gone.
    """
    asked = {"user_id": subject} if subject else {}
    asked |= {"limit": str(limit)} if limit else {}
    url = add_path(line_item.url, "results")
    pages = read_pages(
        tool,
        registration,
        add_query(url, asked) if asked else url,
        [RESULT_SCOPE],
        accept=RESULTS_TYPE,
        gone=NoLineItem,
    )
    for page in pages:
        yield from (
            result
            for result in _read_page(page.read_json())
            # The filter is a wish: a platform may send everybody.
            if subject in ("", result.subject)
        )


def _read_page(page: object) -> Iterator[Result]:
    if not isinstance(page, list):
        raise PlatformReplyInvalid("The LMS sent results that cannot be read.")
    for each in page:
        subject = read_text(each, "userId") if isinstance(each, dict) else None
        if subject is None:
            continue
        yield Result(
            subject=subject,
            given=read_points(each, "resultScore"),
            maximum=read_points(each, "resultMaximum"),
            comment=read_words(each, "comment", COMMENT_LENGTH),
        )
