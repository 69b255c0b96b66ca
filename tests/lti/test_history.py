"""Course history in custom parameters (LTI Core 1.3, appendix B)."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentorai.lti.history import IDS, read_history
from tests.lti.conftest import Launcher

# What an id may hold: nothing that a line of text could not.
names = st.text(st.characters(blacklist_categories=("C", "Z")), min_size=1, max_size=40)


@given(st.lists(names, min_size=1, max_size=10, unique=True))
def test_history_gives_the_ids_that_were_encoded_in_their_order(ids: list[str]) -> None:
    read = read_history(",".join(quote(each, safe="") for each in ids))

    assert [each for each in read if each in ids] == ids


@given(st.text(max_size=3_000))
def test_history_of_any_text_is_a_short_list_of_ids(text: str) -> None:
    read = read_history(text)

    assert len(read) <= IDS
    assert len(set(read)) == len(read)
    assert all(0 < len(each) <= 255 and each.isprintable() for each in read)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", ()),
        (",, ,", ()),
        ("3", ("3",)),
        (" 3 , 2,2 ", ("3", "2")),
        ("a%2Cb,c", ("a,b", "a%2Cb", "c")),
        ("a%20b", ("a b", "a%20b")),
        ("a+b", ("a+b", "a b")),
        ("%00,%0A", ("%00", "%0A")),
        ("x" * 256, ()),
    ],
)
def test_history_is_read_as_platforms_write_it(text: str, ids: tuple[str, ...]) -> None:
    assert read_history(text) == ids


def test_history_is_cut_where_it_is_endless() -> None:
    assert len(read_history(",".join(map(str, range(100_000))))) == IDS


def test_launch_has_the_history_of_its_link_and_its_context(launcher: Launcher) -> None:
    custom = {"resource_link_id_history": "12,11", "context_id_history": "a%3Db"}

    launch = launcher.launch(custom=custom).launch

    assert launch.link_history == ("12", "11")
    assert launch.context_history == ("a=b", "a%3Db")


@pytest.mark.parametrize("name", ["ResourceLink", "Context"])
def test_launch_has_no_history_where_nobody_filled_the_variable_in(
    launcher: Launcher, name: str
) -> None:
    custom = {"resource_link_id_history": f"${name}.id.history", "context_id_history": ""}

    launch = launcher.launch(custom=custom).launch

    assert launch.link_history == ()
    assert launch.context_history == ()
