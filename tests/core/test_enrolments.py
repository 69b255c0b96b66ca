import io

import pytest

from mentorai.core.enrolment_rows import COLUMNS
from mentorai.core.errors import InputRejected
from mentorai.core.sheets import read_csv

HEAD = b"mentor,user,section,role,name,status\n"


@pytest.fixture
def apply(engine, mentor):
    """Apply a sheet to the whole organization; what became of its rows."""

    def apply(body: bytes, **how):
        return engine.enrolments.apply(
            mentor.organization_id,
            how.pop("mentor_id", None),
            lambda: read_csv(io.BytesIO(body), COLUMNS),
            platforms=frozenset({"moodle"}),
            author="test",
            **how,
        )

    return apply


def counted(report):
    return {name: count for name, count in report.counts.items() if count}


def refused(apply, body, **how):
    with pytest.raises(InputRejected) as caught:
        apply(body, **how)
    return caught.value.errors


@pytest.fixture
def listed(engine, mentor):
    def listed():
        some = engine.enrolments.list(mentor.organization_id, None)
        return sorted((one.user, one.section, one.role.value, one.name) for one in some)

    return listed


def test_sheet_is_foretold_then_applied_then_changes_nothing(engine, mentor, apply, listed):
    engine.mentors.add(mentor.organization_id, "Deep Sea")
    body = (
        HEAD + b"tidal-pools,a,S1,learner,Ada,\ndeep-sea,a,S2,,Ada,\ntidal-pools,b,S1,assistant,,\n"
    )

    foretold = apply(body, dry_run=True)
    assert (counted(foretold), foretold.is_applied, listed()) == (
        {"rows": 3, "created": 3},
        False,
        [],
    )
    applied = apply(body)
    assert (applied.changes, applied.is_applied) == (foretold.changes, True)
    assert listed() == [
        ("a", "S1", "learner", "Ada"),
        ("a", "S2", "learner", "Ada"),
        ("b", "S1", "assistant", ""),
    ]
    before = engine.enrolments.list(mentor.organization_id, None)
    assert counted(apply(body)) == {"rows": 3, "unchanged": 3}
    assert engine.enrolments.list(mentor.organization_id, None) == before


def test_one_person_in_two_sections_is_one_person(engine, mentor, apply):
    apply(HEAD + b"tidal-pools,a,S1,,,\ntidal-pools,a,S2,,,\n")

    found = engine.enrolments.list(mentor.organization_id, mentor.id)
    assert len({one.person_id for one in found}) == 1


def test_change_is_told_with_what_was_there_before(apply, listed):
    apply(HEAD + b"tidal-pools,a,S1,learner,Ada,\ntidal-pools,b,S1,,,\n")

    report = apply(HEAD + b"tidal-pools,a,S1,instructor,,\ntidal-pools,b,S1,,,removed\n")

    assert [(one.action, one.fields) for one in report.changes] == [
        ("changed", {"role": ("learner", "instructor")}),
        ("removed", {}),
    ]
    assert listed() == [("a", "S1", "instructor", "Ada")]
    again = apply(HEAD + b"tidal-pools,a,S1,instructor,,\ntidal-pools,b,S1,,,removed\n")
    assert counted(again) == {"rows": 2, "unchanged": 2}


def test_bad_row_keeps_all_others_out_unless_they_are_let_in(apply, listed):
    body = HEAD + b"tidal-pools,a,S1,,,\nnobody,b,S1,,,\ntidal-pools,c,S1,king,,\n"

    assert refused(apply, body).keys() == {"3.mentor", "4.role"}
    assert listed() == []
    report = apply(body, atomic=False)
    assert counted(report) == {"rows": 3, "created": 1, "refused": 2}
    assert [one.line for one in report.problems] == [3, 4]
    assert listed() == [("a", "S1", "learner", "")]


def test_row_that_is_there_twice_is_refused_with_the_line_of_the_first(apply):
    body = HEAD + b"tidal-pools,a,S1,,,\ntidal-pools,a,S2,,,\ntidal-pools,a,S1,assistant,,\n"

    assert refused(apply, body) == {"4": ["This names the same enrollment as line 2."]}


def test_mentor_key_reaches_its_own_mentor_alone(engine, mentor, apply):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    body = b"user,mentor\na,deep-sea\n"

    assert "2.mentor" in refused(apply, body, mentor_id=mentor.id)
    assert counted(apply(b"user\na\n", mentor_id=other.id)) == {"rows": 1, "created": 1}


def test_platform_that_is_not_registered_is_refused(apply):
    body = b"mentor,user,platform\ntidal-pools,a,canvas\ntidal-pools,a,moodle\n"

    assert refused(apply, body) == {"2.platform": ["There is no such registration."]}


def test_person_whom_the_list_named_by_the_lms_id_is_the_one_who_launches(engine, mentor, apply):
    apply(b"mentor,user,platform\ntidal-pools,sub-1,moodle\n")
    (found,) = engine.enrolments.list(mentor.organization_id, mentor.id)

    with engine.database.read() as connection:
        person = engine.people.find_identity(
            connection, mentor.organization_id, "lti:moodle", "sub-1"
        )
    assert person is not None
    assert person.id == found.person_id


def test_applying_is_in_the_audit_without_names(engine, mentor, apply):
    apply(HEAD + b"tidal-pools,a,S1,,Ada,\n")

    _, (entry, *_) = engine.audit.list(mentor.organization_id)
    assert (entry.action, entry.facts["created"]) == ("enrolments_applied", 1)
    assert "Ada" not in str(entry)


def test_batches_are_one_sheet(apply, listed):
    body = HEAD + b"".join(b"tidal-pools,u%d,S1,,,\n" % n for n in range(1_203))

    assert refused(apply, body + b"tidal-pools,u3,S1,,,\n") == {
        "1205": ["This names the same enrollment as line 5."]
    }
    assert listed() == []
    assert counted(apply(body)) == {"rows": 1203, "created": 1203}
