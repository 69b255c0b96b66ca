"""The Analytics tab."""

import re

import pytest

from mentorai.core.values import Role
from tests.fakes.visitor import open_session


@pytest.fixture
def asked(engine, mentor, dataset):
    """Each of six students asked once."""
    for number in range(6):
        student = open_session(engine, mentor, Role.LEARNER, subject=f"s{number}")
        list(engine.ask(student, "Where is the scar of a limpet?"))


def test_tab_shows_plot_and_table_of_the_same_numbers(instructor, pages, asked):
    page = instructor.get(f"{pages}/analytics").text

    assert page.count("<rect ") == 1
    assert "the table below has the numbers" in page
    assert re.search(r'data-label="Messages">6</td>', page)
    assert "Tides.md" in page
    assert "style=" not in page


def test_small_groups_are_hidden_and_told_so(engine, mentor, instructor, pages):
    list(engine.ask(open_session(engine, mentor, Role.LEARNER, subject="s1"), "Where?"))

    page = instructor.get(f"{pages}/analytics").text

    assert "<rect " not in page
    assert "fewer than 5 people is hidden" in page
    assert 'data-label="Messages"><span class="soft">Hidden</span>' in page


@pytest.mark.parametrize("days", ["today", "90d", "nonsense", ""])
def test_empty_mentor_has_a_page_for_any_days(instructor, pages, days):
    page = instructor.get(f"{pages}/analytics?days={days}")

    assert page.status_code == 200
    assert "Nobody has asked anything" in page.text
