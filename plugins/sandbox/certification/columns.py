"""A10 to A12 and A18 to A21: a column changed and removed, and what a column holds read back.

By the tool's own services on its own data, as the command's process runs them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mentorai.core.values import LineItem, Result
from mentorai.lti.line_items import change_line_item, make_line_item, remove_line_item
from mentorai.lti.results import list_results
from mentorai.plugins.sandbox.certification.case import AGS, Case, Failed, Run, expect
from mentorai.plugins.sandbox.certification.scores import GIVEN, WITH_COLUMN, check_scope, send
from mentorai.plugins.sandbox.certification.stage import Stage
from mentorai.plugins.sandbox.certification.wire import Heard
from mentorai.plugins.sandbox.grades import (
    LINE_ITEM_TYPE,
    RESULTS_TYPE,
    column_url,
    columns_url,
)
from mentorai.plugins.sandbox.oidc import LINE_ITEM, RESULT_READ

LABEL, RENAMED = "Certification", "Certification, renamed"
POINTS, CHANGED_POINTS = 10.0, 20.0


@dataclass(frozen=True, slots=True)
class Kept:
    """A column that was made, changed and removed: what it was called, and what was asked."""

    changed: LineItem
    heard: Sequence[Heard]

    def find(self, method: str) -> Heard:
        """The request of this method. Raises Failed."""
        for each in self.heard:
            if each.method == method:
                return each
        raise Failed(f"no {method} came")


@dataclass(frozen=True, slots=True)
class Held:
    """What a column holds, and the request that said so. asked: scopes of tokens asked for."""

    subject: str
    results: Sequence[Result]
    heard: Heard
    asked: Sequence[str]


def _keep(stage: Stage) -> Kept:
    platform = stage.platform.house.platform
    before = len(stage.platform.wire.heard("/line_items"))
    wanted = LineItem(url="", label=LABEL, score_maximum=POINTS)
    url = columns_url(platform, WITH_COLUMN[0])
    made = make_line_item(stage.tool, stage.registration, url, wanted)
    changed = change_line_item(
        stage.tool,
        stage.registration,
        made.url,
        label=RENAMED,
        score_maximum=CHANGED_POINTS,
    )
    remove_line_item(stage.tool, stage.registration, made.url)
    return Kept(changed, stage.platform.wire.heard("/line_items")[before:])


def _read(stage: Stage) -> Held:
    sent = stage.once("score/held", lambda: send(stage, WITH_COLUMN))
    path = sent.find("POST", "/scores").path.split("/")
    platform = stage.platform.house.platform
    column = platform.shelf.find("line_item", path[path.index("line_items") + 1])
    if column is None:
        raise Failed("the platform lost the column")
    before = len(stage.platform.wire.heard("/lti/token"))
    line_item = LineItem(url=column_url(platform, column))
    results = list(list_results(stage.tool, stage.registration, line_item))
    heard = stage.platform.wire.heard("/results", "GET")
    expect(heard, "no request for results came")
    asked = [each.form.get("scope", "") for each in stage.platform.wire.heard("/lti/token")]
    return Held(sent.subject, results, heard[-1], asked[before:])


def _kept(judge: Callable[[Stage, Kept], str]) -> Run:
    """A case about the one column that was made, changed and removed."""
    return lambda stage: judge(stage, stage.once("column", lambda: _keep(stage)))


def _held(judge: Callable[[Stage, Held], str]) -> Run:
    """A case about the one reading of what a column holds."""
    return lambda stage: judge(stage, stage.once("results", lambda: _read(stage)))


def _puts(_stage: Stage, kept: Kept) -> str:
    heard = kept.find("PUT")
    media_type = heard.media_type.partition(";")[0]
    expect(heard.status == 200, f"the platform answered {heard.status}")
    expect(media_type == LINE_ITEM_TYPE, f"Content-Type is {media_type}")
    facts = (kept.changed.label, kept.changed.score_maximum)
    expect(facts == (RENAMED, CHANGED_POINTS), f"the column became {facts}")
    return f"{media_type}, {heard.status}, the column is changed"


def _puts_by(stage: Stage, kept: Kept) -> str:
    return check_scope(stage, kept.find("PUT"), LINE_ITEM)


def _deletes(stage: Stage, kept: Kept) -> str:
    heard = kept.find("DELETE")
    expect(heard.status == 204, f"the platform answered {heard.status}")
    check_scope(stage, heard, LINE_ITEM)
    column_id = heard.path.rpartition("/")[2]
    left = stage.platform.house.platform.shelf.find("line_item", column_id)
    expect(left is None, "the platform has the column still")
    return f"DELETE {heard.path}, {heard.status}, the column is gone"


def _gets(_stage: Stage, held: Held) -> str:
    expect(held.heard.status == 200, f"the platform answered {held.heard.status}")
    return f"GET {held.heard.path}, {held.heard.status}"


def _gets_as(_stage: Stage, held: Held) -> str:
    expect(held.heard.accept == RESULTS_TYPE, f"Accept is {held.heard.accept}")
    return held.heard.accept


def _gets_by(stage: Stage, held: Held) -> str:
    return check_scope(stage, held.heard, RESULT_READ)


def _gets_what(_stage: Stage, held: Held) -> str:
    found = [each.given for each in held.results if each.subject == held.subject]
    expect(found == [GIVEN], f"the results say {found}")
    return f"{GIVEN:g}, as it was sent"


def _reads_with_result_scope_only(stage: Stage, held: Held) -> str:
    others = [scope for scope in held.asked if scope != RESULT_READ]
    expect(not others, f"tokens were asked for with {others}")
    check_scope(stage, held.heard, RESULT_READ)
    return "read, and no other token asked for"


def _case(number: str, name: str, clause: str, sent: str, expected: str, run: Run) -> Case:
    return Case(number, name, f"{AGS}{clause}", sent, expected, run, calls=True)


A_COLUMN = "a column is made, changed and removed"
A_READING = "the results of a column are read"
CASES: Sequence[Case] = (
    _case("A10", "line item PUT", "3.2.4", A_COLUMN, f"{LINE_ITEM_TYPE}, 200", _kept(_puts)),
    _case("A11", "line item PUT: token and scope", "3.2.1", A_COLUMN, "lineitem, no other",
          _kept(_puts_by)),
    _case("A12", "line item DELETE", "3.2.7", A_COLUMN, "204, by a token for lineitem alone",
          _kept(_deletes)),
    _case("A18", "result GET", "3.3.1", A_READING, "GET on /results of the column", _held(_gets)),
    _case("A19", "result GET: media type", "3.3.1", A_READING, RESULTS_TYPE, _held(_gets_as)),
    _case("A20", "result GET: token and scope", "3.3", A_READING, "result.readonly, no other",
          _held(_gets_by)),
    _case("A21", "result GET: value", "3.3.3", A_READING, "what was sent", _held(_gets_what)),
    _case("P2", "token for the result scope only", "3.3", A_READING, "the results are read still",
          _held(_reads_with_result_scope_only)),
)  # fmt: skip
