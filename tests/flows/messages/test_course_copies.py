"""Mentors follow a copied course: by history variables, or by a notice."""

import time
from collections.abc import Callable
from typing import Any

from mentorai.core.engine import Engine
from mentorai.lti.tool import Tool
from tests.fakes.browserless import Browser
from tests.fakes.journeys import (
    CLAIM,
    COURSE,
    QUIZ_ITEM,
    words,
)
from tests.fakes.platforms import RunningSandbox


def copy_course(sandbox: RunningSandbox, browser: Browser, course: str = COURSE) -> str:
    """Copy a course as its instructor; the short name of the copy."""
    answer = browser.session.post(f"{sandbox.url}/as/ruth/courses/{course}/copy", timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.url.rstrip("/").rpartition("/")[2]


def items_of(sandbox: RunningSandbox, course: str) -> dict[str, str]:
    """The items of a course: title -> short name."""
    found = sandbox.platform.find_course(course)
    assert found is not None
    return {item.title: item.id for item in sandbox.platform.items(found)}


def without_custom(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A platform that loses these custom parameters when it copies a course."""

    def alter(claims: dict[str, Any]) -> dict[str, Any]:
        custom = claims.get(f"{CLAIM}/custom", {})
        return claims | {f"{CLAIM}/custom": {n: v for n, v in custom.items() if n not in names}}

    return alter


def title_of(sandbox: RunningSandbox, item_id: str) -> str:
    found = sandbox.platform.find_course(COURSE)
    assert found is not None
    return next(i.title for i in sandbox.platform.items(found) if i.id == item_id)


def test_place_in_a_copied_course_has_the_mentor_and_the_quiz_of_the_original(
    maya: Browser, sandbox: RunningSandbox, browsers: Callable[[], Browser]
) -> None:
    copied = copy_course(sandbox, browsers())
    item = items_of(sandbox, copied)[title_of(sandbox, QUIZ_ITEM)]
    sandbox.platform.alter_claims = without_custom("mentor", "quiz", "context_id_history")

    page = browsers().launch(sandbox.url, "maya", copied, item)

    assert page.status_code == 200, page.text
    assert "/quiz/" in page.url
    assert "Start" in words(page)
    assert "8 of 10" not in words(page)


def test_notice_of_a_copied_course_is_enough_where_launches_have_no_history(
    maya: Browser,
    engine: Engine,
    sandbox: RunningSandbox,
    registration_id: str,
    browsers: Callable[[], Browser],
) -> None:
    tool = engine.room(Tool)
    assert tool.notice_services.subscribe_due(tool) == 1
    copied = copy_course(sandbox, browsers())
    item = items_of(sandbox, copied)[title_of(sandbox, QUIZ_ITEM)]
    sandbox.platform.alter_claims = without_custom(
        "mentor", "quiz", "context_id_history", "resource_link_id_history"
    )

    page = browsers().launch(sandbox.url, "maya", copied, item)

    assert page.status_code == 200, page.text
    assert "/quiz/" in page.url
    received = tool.notices.list(engine.organizations.get().id, registration_id)
    assert "LtiContextCopyNotice" in [each.kind for each in received]


def test_place_in_a_copied_course_has_nobody_where_nothing_tells_of_the_copy(
    maya: Browser, sandbox: RunningSandbox, browsers: Callable[[], Browser]
) -> None:
    copied = copy_course(sandbox, browsers())
    item = items_of(sandbox, copied)[title_of(sandbox, QUIZ_ITEM)]
    sandbox.platform.alter_claims = without_custom(
        "mentor", "quiz", "context_id_history", "resource_link_id_history"
    )

    page = browsers().launch(sandbox.url, "maya", copied, item)

    assert page.status_code == 404


def test_platform_greets_a_new_handler_and_the_greeting_is_kept(
    maya: Browser, engine: Engine, sandbox: RunningSandbox, registration_id: str
) -> None:
    tool, organization_id = engine.room(Tool), engine.organizations.get().id

    tool.notice_services.subscribe_due(tool)

    deadline = time.monotonic() + 10
    while not tool.notices.list(organization_id, registration_id):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (service,) = tool.notice_services.list(organization_id, registration_id)
    assert service.subscribed == ("LtiHelloWorldNotice", "LtiContextCopyNotice")
    assert service.error_code == ""
