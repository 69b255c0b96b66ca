"""The address by which SpeedGrader opens what a student handed in.

Canvas launches the tool with it as target link URI, for whoever looks at the submission. It names
the column and the student in its path, since Canvas encodes a query twice; who may see the work is
decided by the course and the role of that launch, as with any review.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace

from mentorai.core.values import GradeService, Launch, LineItem

PART = "/canvas-work/"
LENGTH = 2_000


def name_work(launch_url: str, line_item: LineItem, subject: str) -> str:
    """Where a person's work in a column is opened."""
    return f"{launch_url}{PART}{_write(line_item.url)}/{_write(subject)}"


def read_work(launch: Launch) -> Launch:
    """The launch with whose work it asks for, if it came by such an address; else as it is."""
    _, is_there, named = launch.target.partition(PART)
    column, _, person = named.partition("/")
    column_url, subject = _read(column), _read(person)
    if not is_there or not column_url or not subject:
        return launch
    service = replace(launch.grade_service or GradeService(), line_item_url=column_url)
    return replace(launch, review_of=subject, grade_service=service)


def _write(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(part: str) -> str:
    """What was written so; empty if it was not."""
    if len(part) > LENGTH or not part.isascii():
        return ""
    try:
        found = urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()
    except ValueError:
        return ""
    return found if found.isprintable() else ""
