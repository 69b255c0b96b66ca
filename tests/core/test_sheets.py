import io

import pytest

from mentorai.core.errors import InputRejected
from mentorai.core.sheets import LINE_BYTES, Column, read_csv, read_items

COLUMNS = (
    Column("user", 10, is_needed=True),
    Column("name", 30),
    Column("role", 10, choices=("learner", "instructor")),
    Column("prompt", 100, is_prose=True),
)


def rows(body):
    return [(row.line, dict(row.problems)) for row in read_csv(io.BytesIO(body), COLUMNS)]


def cells(body):
    (row,) = read_csv(io.BytesIO(body), COLUMNS)
    assert not row.problems
    return {name: text for name, text in row.cells.items() if text}


@pytest.mark.parametrize(
    "body",
    [
        b"user,name\na,Ada\n",
        b"\xef\xbb\xbfuser,name\r\na,Ada\r\n",
        b'User , "NAME"\n a ,"Ada"',
        b"name;user\nAda;a\n",
        b"user\tname\na\tAda\n",
        b"user,name,,\n\n,,,\na,Ada,,\n",
    ],
    ids=["plain", "BOM and CRLF", "spaces and quotes", "semicolons", "tabs", "empty cells"],
)
def test_same_rows_are_read_from(body):
    assert cells(body) == {"user": "a", "name": "Ada"}


def test_quoted_cell_may_hold_what_divides_cells_and_lines():
    body = 'user,name,prompt\na,"Ada ""the"" First, Löwe","- one\n- two"\n'.encode()

    assert cells(body) == {
        "user": "a",
        "name": 'Ada "the" First, Löwe',
        "prompt": "- one\n- two",
    }


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        (b",Ada", "user", "needed"),
        (b"a,=HYPERLINK(1)", "name", "formula"),
        (b"+a,Ada", "user", "formula"),
        (b"a,@SUM(1)", "name", "formula"),
        (b"a,A\0b", "name", "control"),
        (b'a,"A\nb"', "name", "control"),
        (b"a,\xff\xfe", "name", "UTF-8"),
        (b"a,L\xf6we", "name", "UTF-8"),
        (b"a," + b"x" * 31, "name", "At most 30"),
        (b"a,Ada,king", "role", "One of these"),
        (b"a,Ada,,p,more", "", "more cells"),
        (b"a", "", "fewer cells"),
        (b'a,"Ada"x', "", "quotation"),
    ],
)
def test_bad_row_is_told_by_its_line_and_the_next_is_read(line, field, words):
    body = b"user,name,role,prompt\nfirst,,,\n" + line
    body += b"," * (3 - line.count(b",")) if field else b""
    found = rows(body + b"\nlast,,,\n")

    assert found[0] == (2, {})
    assert (found[1][0], list(found[1][1])) == (3, [field])
    assert words in found[1][1][field]
    assert found[2][1] == {}
    assert len(found) == 3


@pytest.mark.parametrize(
    "end", [b"", b'y,"Ada, the first"\n', b"y,\n" * 60_000], ids=["never", "later", "too late"]
)
def test_quotation_mark_that_does_not_end_spoils_its_line_alone(end):
    found = rows(b'user,name\na,\n"b,\nc,\n\n"d,\ne,\n' + end)

    spoilt = {"": "The quotation marks or line ends do not add up."}
    assert found[:5] == [(2, {}), (3, spoilt), (4, {}), (6, spoilt), (7, {})]
    assert len(found) == 5 + end.count(b"y,")
    assert not any(problems for _, problems in found[5:])


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (b"", {"1": "empty"}),
        (b"\n\n", {"1": "empty"}),
        (b"name\nAda\n", {"1.user": "missing"}),
        (b"user,nmae\na,b\n", {"1.nmae": "Did you mean “name”?"}),
        (b"user,<b>\na,b\n", {"1.column 2": "no such column"}),
        (b"user,name,name\na,b,c\n", {"1.name": "twice"}),
        ("user\na\n".encode("utf-16"), {"1": "UTF-8"}),
        (b"user\n" + b"x" * (LINE_BYTES + 1), {"2": "longer than"}),
    ],
    ids=["empty", "blank", "missing", "misspelt", "hostile", "twice", "utf-16", "huge"],
)
def test_sheet_that_is_not_right_as_a_whole_is_refused(body, errors):
    with pytest.raises(InputRejected) as caught:
        rows(body)

    (place,) = caught.value.errors
    assert errors[place] in caught.value.errors[place][0]


def test_json_is_held_to_the_same():
    items = [{"user": "a", "role": "Learner"}, {"user": 3}, "x", {"user": "b", "usr": "c"}, {}]

    found = [(row.line, sorted(row.problems)) for row in read_items(items, COLUMNS)]
    assert found == [(1, []), (2, ["user"]), (3, [""]), (4, ["usr"]), (5, ["user"])]
