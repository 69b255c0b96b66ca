"""The LTI 1.1 migration claim and its signature."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentorai.core.errors import TokenInvalid
from mentorai.lti.migration_claim import read_migration

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
SECRET = "my-lti11-secret"


def make_claims(**old: Any) -> dict[str, Any]:
    """The example of the migration guide; `old` changes the claim, None leaves a part out."""
    claim = {
        "user_id": "34212",
        "oauth_consumer_key": "179248902",
        "oauth_consumer_key_sign": "lWd54kFo5qU7xshAna6v8BwoBm6tmUjc6GTax6+12ps=",
        "resource_link_id": "4893",
    } | old
    return {
        "iss": "https://lmsvendor.com",
        "aud": "PM48OJSfGDTAzAo",
        "exp": 1551290856,
        "nonce": "172we8671fd8z",
        f"{CLAIM}deployment_id": "689302",
        f"{CLAIM}lti1p1": {name: value for name, value in claim.items() if value is not None},
    }


def test_claim_of_the_guide_is_signed_with_its_secret() -> None:
    claim = read_migration(make_claims())

    assert claim is not None
    assert claim.is_signed_with(SECRET)
    assert (claim.user_id, claim.resource_link_id) == ("34212", "4893")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1551290857},
        {"nonce": "of an earlier launch"},
        {"iss": "https://other.example"},
        {"aud": "another-client"},
        {f"{CLAIM}deployment_id": "689303"},
    ],
)
def test_claim_is_not_believed_when_it_was_signed_for_another_launch(
    changes: dict[str, Any],
) -> None:
    claim = read_migration(make_claims() | changes)

    assert claim is not None
    assert not claim.is_signed_with(SECRET)


@pytest.mark.parametrize("aud", [["PM48OJSfGDTAzAo"], "PM48OJSfGDTAzAo"])
@pytest.mark.parametrize("exp", [1551290856, 1551290856.0])
def test_claim_is_signed_however_audience_and_expiry_are_written(aud: Any, exp: Any) -> None:
    claim = read_migration(make_claims() | {"aud": aud, "exp": exp})

    assert claim is not None
    assert claim.is_signed_with(SECRET)


@pytest.mark.parametrize(
    "signature", ["", None, 7, ["x"], "not base64", "AAAA", "x" * 10_000, "ü", "lWd5\n"]
)
def test_claim_is_not_believed_when_its_signature_is_none(signature: Any) -> None:
    claim = read_migration(make_claims(oauth_consumer_key_sign=signature))

    assert claim is not None
    assert not claim.is_signed_with(SECRET)
    assert not claim.is_signed_with("")


@pytest.mark.parametrize("key", [None, "", 0.5, [], "x" * 256, "\n"])
def test_claim_without_a_consumer_key_says_nothing(key: Any) -> None:
    assert read_migration(make_claims(oauth_consumer_key=key)) is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["user_id", "oauth_consumer_key"]), values) | values)
def test_claim_of_any_shape_is_read_or_refused(claim: Any) -> None:
    try:
        found = read_migration(make_claims() | {f"{CLAIM}lti1p1": claim})
    except TokenInvalid:
        return
    assert found is None or not found.is_signed_with(SECRET)
