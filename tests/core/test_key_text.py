import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentorai.core.key_text import ALPHABET, PATTERN, digest_key, make_key, number_of, read_key_id


def test_key_has_the_form_that_was_promised():
    key_id, text = make_key()

    assert re.fullmatch(r"mai_[0-9A-Za-z]{10}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}", text)
    assert text[4:14] == key_id
    assert read_key_id(text) == key_id


def test_check_characters_are_the_crc32_of_all_before_them():
    # Computed here from the definition: whoever scans for leaked keys must get the same.
    body = "mai_0000000000_" + "0" * 43

    assert read_key_id(body + _base62(_crc32(body))) == "0000000000"


@given(place=st.integers(0, 63), character=st.sampled_from(string.ascii_letters + string.digits))
def test_any_single_typo_is_noticed(place, character):
    _, text = make_key()
    typo = text[:place] + character + text[place + 1 :]

    assert typo == text or read_key_id(typo) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text.swapcase(),
        lambda text: text.upper(),
        lambda text: text.replace("mai_", "MAI_"),
        lambda text: text.replace("_", "-"),
        # Full-width, Cyrillic and Arabic-Indic look-alikes.
        lambda text: text[:-1] + "\uff11",
        lambda text: text.replace("mai", "m\u0430i"),
        lambda text: text[:20] + "\u0661" + text[21:],
        lambda text: text[:20] + "\0" + text[21:],
        lambda text: text * 1000,
    ],
)
def test_what_is_not_a_key_is_not_read(spoil):
    _, text = make_key()

    assert read_key_id(spoil(text)) is None


@given(st.text())
def test_any_text_can_be_asked_about(text):
    assert read_key_id(text) is None


@given(st.lists(st.text(ALPHABET, min_size=10, max_size=10), unique=True, min_size=2))
def test_every_id_has_a_number_of_its_own_that_every_database_can_keep(ids):
    numbers = [number_of(key_id) for key_id in ids]

    assert sorted(ids) == [key_id for _, key_id in sorted(zip(numbers, ids, strict=True))]
    assert len(set(numbers)) == len(ids)
    assert all(0 <= number < 2**60 for number in numbers)


def test_two_keys_share_nothing():
    first, second = make_key(), make_key()

    assert first[0] != second[0]
    assert first[1][15:58] != second[1][15:58]


def test_a_leaked_key_is_found_in_any_text():
    _, text = make_key()

    found = PATTERN.search(f"export MENTORAI_KEY={text}; curl ...")

    assert found is not None
    assert found[0] == text


def test_what_is_kept_names_its_hash():
    _, text = make_key()

    kept = digest_key(text)

    assert kept.startswith("sha256$")
    assert text[15:58] not in kept


def _crc32(text: str) -> int:
    # The bitwise definition, not the library that the code uses.
    remainder = 0xFFFFFFFF
    for byte in text.encode():
        remainder ^= byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ (0xEDB88320 if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF


def _base62(number: int) -> str:
    alphabet = string.digits + string.ascii_uppercase + string.ascii_lowercase
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = alphabet[digit] + digits
    return digits
