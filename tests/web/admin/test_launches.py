"""The launch log in the admin: for campus IT alone, and for their own organization alone."""

import re

import pytest

from mentorai.lti.launch_log_rows import Sender, Visit
from mentorai.lti.tool import Tool

FACTS = {
    "issuer": "https://lms.example",
    "client_id": "client-7",
    "auth_url": "https://lms.example/auth",
    "token_url": "https://lms.example/token",
    "keyset_url": "https://lms.example/keys",
    "deployment_ids": ["1"],
    "name": "Campus LMS",
}


@pytest.fixture
def registration(engine, organization):
    return engine.room(Tool).registrations.add(organization.id, **FACTS)


@pytest.fixture
def note(engine):
    """Note a refusal: its sender's registration, code and reference."""

    def note(registration_id, code="unknown_deployment", reference="7KQ2-XM4D-90TZ", **sender):
        engine.room(Tool).launch_log.note_refused(
            Sender(registration_id, bool(registration_id), **sender),
            code=code,
            reason="<b>Some reason</b>",
            clause="LTI Core 1.3, section 5.3.3",
            visit=Visit(reference, "Mozilla/5.0 (Windows NT 10.0) Gecko/2 Firefox/133.0"),
        )

    return note


def test_launches_of_a_platform_are_listed_and_explained(it_person, registration, note):
    note(registration.id)

    page = it_person.get(f"/admin/platforms/{registration.id}/launches").text

    assert "Launches of Campus LMS" in page
    assert "unknown_deployment" in page
    assert "&lt;b&gt;Some reason&lt;/b&gt;" in page
    assert "LTI Core 1.3, section 5.3.3" in page
    assert "Firefox 133 on Windows" in page
    assert "add it to the registration" in page


def test_platform_page_leads_to_the_launches(it_person, registration):
    page = it_person.get("/admin/platforms").text

    for path in (f"/admin/platforms/{registration.id}/launches", "/admin/platforms/launches"):
        assert f'href="{path}"' in page
        assert it_person.get(path).status_code == 200


def test_outcome_and_reference_narrow_the_list(it_person, registration, note):
    note(registration.id, "nonce_reused", "AAAA-AAAA-AAAA")
    note(registration.id, "claim_missing", "BBBB-BBBB-BBBB")
    here = f"/admin/platforms/{registration.id}/launches"

    by_outcome = it_person.get(f"{here}?outcome=claim_missing").text
    by_reference = it_person.get(f"{here}?reference=%20aaaa-aaaa-aaaa").text

    assert "BBBB-BBBB-BBBB" in by_outcome
    assert "AAAA-AAAA-AAAA" not in by_outcome
    assert "AAAA-AAAA-AAAA" in by_reference
    assert "BBBB-BBBB-BBBB" not in by_reference


def test_strays_name_issuer_and_client_id(it_person, registration, note):
    note(registration.id, reference="AAAA-AAAA-AAAA")
    note(None, "unknown_registration", issuer="https://typo.example", client_id="client-8")

    page = it_person.get("/admin/platforms/launches").text

    assert "https://typo.example" in page
    assert "client-8" in page
    assert "AAAA-AAAA-AAAA" not in page


def test_reference_is_found_wherever_it_belongs(it_person, registration, note):
    note(registration.id, reference="AAAA-AAAA-AAAA")

    page = it_person.get("/admin/platforms/launches?reference=AAAA-AAAA-AAAA").text

    assert "Campus LMS" in page
    assert "unknown_deployment" in page


def test_pages_hold_fifty_each(it_person, registration, note, engine):
    for number in range(60):
        note(registration.id, reference=f"reference-{number:02}")
    here = f"/admin/platforms/{registration.id}/launches"

    first, second = it_person.get(here).text, it_person.get(f"{here}?page=2").text

    assert "Page 1 of 2" in first
    assert len(re.findall(r"reference-\d\d", first)) == 50
    assert len(re.findall(r"reference-\d\d", second)) == 10


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=99999999999", "outcome=%00", "reference=%00", "page=-1"]
)
def test_odd_queries_are_answered(it_person, registration, query):
    assert it_person.get(f"/admin/platforms/{registration.id}/launches?{query}").status_code == 200


def test_launches_of_another_organization_are_not_found(engine, it_person, note):
    other = engine.organizations.put("other", "Other")
    theirs = engine.room(Tool).registrations.add(other.id, **FACTS)
    note(theirs.id, reference="AAAA-AAAA-AAAA")
    note(None, "unknown_registration", issuer=FACTS["issuer"], client_id="secret-typo")

    assert it_person.get(f"/admin/platforms/{theirs.id}/launches").status_code == 404
    assert "secret-typo" not in it_person.get("/admin/platforms/launches").text
    found = it_person.get("/admin/platforms/launches?reference=AAAA-AAAA-AAAA").text
    assert "unknown_deployment" not in found


def test_instructor_sees_no_launches(instructor, session, registration):
    for path in ("launches", f"{registration.id}/launches"):
        assert instructor.get(f"/s/{session.id}/admin/platforms/{path}").status_code == 404
