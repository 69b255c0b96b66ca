"""Whose an address is: the part of a host that its owner registered, and nothing that looks so."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentorai.core.errors import RegistrationRejected
from mentorai.lti.openid_configuration import check_configuration, read_configuration
from mentorai.lti.platform_hosts import find_endpoint_fault, find_platform_url_fault
from mentorai.lti.tool_description import Supported

VENDOR = ("vendor.example",)


@pytest.mark.parametrize(
    ("url", "beside", "fits"),
    [
        ("https://lms.campus.edu/jwks", "https://lms.campus.edu", True),
        ("https://login.campus.edu/", "https://lms.campus.edu", True),
        ("https://campus.edu/", "https://lms.campus.edu", True),
        ("https://LMS.campus.edu./", "https://lms.campus.edu", True),
        ("https://other.edu/", "https://lms.campus.edu", False),
        ("https://campus.edu.evil.example/", "https://lms.campus.edu", False),
        ("https://evilcampus.edu/", "https://campus.edu", False),
        ("https://evil.ac.uk/", "https://campus.ac.uk", False),
        ("https://evil.github.io/", "https://campus.github.io", False),
        ("https://lms.campus.edu@evil.example/", "https://lms.campus.edu", False),
        ("http://lms.campus.edu/", "https://lms.campus.edu", False),
        ("https://93.184.216.34/", "https://93.184.216.34", True),
        ("https://93.184.216.35/", "https://93.184.216.34", False),
        ("https://127.0.0.1/", "https://127.0.0.1", False),
        ("https://localhost/", "https://localhost", False),
        ("https://sso.vendor.example/", "https://school.vendor.example", True),
        ("https://lms.campus.edu\\@evil.example", "https://lms.campus.edu", False),
        ("", "", False),
        (None, "https://lms.campus.edu", False),
    ],
)
def test_address_belongs_to_the_platform_or_not(url: Any, beside: str, fits: bool) -> None:
    fault = find_platform_url_fault(url, beside, VENDOR, allow_loopback=False)

    assert (fault is None) == fits


def test_endpoint_may_lie_at_the_vendor() -> None:
    school = "https://learn.campus.edu"
    assert not find_endpoint_fault(
        "https://auth.vendor.example/t", school, VENDOR, allow_loopback=False
    )
    assert find_endpoint_fault(
        "https://auth.vendor.example.evil.org/t", school, VENDOR, allow_loopback=False
    )
    assert find_endpoint_fault("http://auth.vendor.example/t", school, VENDOR, allow_loopback=True)


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("http://127.0.0.1:8001/", True),
        ("http://127.0.0.1:9/", True),
        ("http://localhost:8001/", False),
        ("http://127.0.0.2/", False),
        ("http://10.0.0.1/", False),
        ("http://169.254.169.254/", False),
        ("http://lms.campus.edu/", False),
    ],
)
def test_development_setting_lets_loopback_pass_and_nothing_else_private(
    url: str, fits: bool
) -> None:
    fault = find_platform_url_fault(url, "http://127.0.0.1:8001", (), allow_loopback=True)

    assert (fault is None) == fits


_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
_URL = st.sampled_from(
    [
        "https://lms.campus.edu/x",
        "https://lms.campus.edu",
        "http://[",
        "https://[::1]/",
        "https://x:99999/",
        "https://\udcff/",
        "//lms",
    ]
)
_PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration"
_NAMES = (
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "registration_endpoint",
)
_DOCUMENT = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(_NAMES, _URL | _VALUE)
    | {
        "authorization_server": _VALUE,
        "scopes_supported": _VALUE,
        "token_endpoint_auth_methods_supported": _VALUE,
        _PLATFORM: _VALUE
        | st.fixed_dictionaries(
            {},
            optional={
                "product_family_code": _VALUE,
                "messages_supported": _VALUE | st.lists(st.fixed_dictionaries({"type": _VALUE})),
                "variables": _VALUE,
            },
        ),
    },
)


@given(
    document=_VALUE
    | _DOCUMENT
    | _DOCUMENT.map(lambda d: dict.fromkeys(_NAMES, "https://lms.campus.edu/x") | d)
)
@settings(max_examples=400, deadline=None)
def test_configuration_of_any_shape_is_read_or_refused(document: Any) -> None:
    try:
        found = read_configuration("https://lms.campus.edu/openid", document)
        check_configuration(found, (), allow_loopback=False)
    except RegistrationRejected:
        return
    assert isinstance(found.supported, Supported)
    assert all(isinstance(scope, str) for scope in found.supported.scopes)
    assert found.issuer.startswith("https://lms.campus.edu")
