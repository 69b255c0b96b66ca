"""docs/platforms: each LMS's page says how to set it up, and what its errors mean there."""

import re
from pathlib import Path
from typing import Any

import pytest

from mentorai.plugins import blackboard, brightspace, canvas, moodle, openedx, sakai

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    "blackboard": blackboard,
    "brightspace": brightspace,
    "canvas": canvas,
    "moodle": moodle,
    "open-edx": openedx,
    "sakai": sakai,
}
PARTS = ["Install", "Placements", "Permissions", "What syncs how", "Known limits"]
TROUBLE = "When something does not work"


@pytest.mark.parametrize("name", list(PAGES))
def test_page_has_every_part_and_leads_to_the_wizard_and_to_all_errors(name: str) -> None:
    page = (DOCS / "platforms" / f"{name}.md").read_text("utf-8")

    assert re.findall("^## (.+)$", page, re.M) == [*PARTS, TROUBLE]
    assert "**Add an LMS**" in page
    assert "(../errors.md)" in page


@pytest.mark.parametrize(("name", "plugin"), PAGES.items(), ids=list(PAGES))
def test_page_tells_of_each_code_that_its_own_refusals_have(name: str, plugin: Any) -> None:
    trouble = (DOCS / "platforms" / f"{name}.md").read_text("utf-8").partition(TROUBLE)[2]
    errors = (DOCS / "errors.md").read_text("utf-8")

    told = re.findall(r"^\| `([a-z_]+)`", trouble, re.M)
    given = {each.error("a sentence").code for each in plugin.platform_profile().refusals}
    assert sorted(given - set(told)) == []
    assert [code for code in told if f"`{code}`" not in errors] == []
