from datetime import timedelta
from typing import Any

import pytest

from mentorai.core.engine import Engine
from mentorai.core.errors import Conflict, InputRejected, NotFound
from mentorai.core.mentors import DEFAULT_PROMPT, Mentor
from mentorai.core.organizations import Organization


def test_mentor_is_found_by_id_and_by_slug(
    engine: Engine, organization: Organization, mentor: Mentor
) -> None:
    assert engine.mentors.get(organization.id, mentor.id) == mentor
    assert engine.mentors.get(organization.id, "tidal-pools") == mentor


def test_new_mentor_has_the_first_version_of_the_usual_prompt(mentor: Mentor) -> None:
    assert (mentor.system_prompt, mentor.prompt_version) == (DEFAULT_PROMPT, 1)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Café & Théâtre", "cafe-theatre"),
        ("  Zoo  ", "zoo"),
        ("Bio\u2011101 \u2013 Cells", "bio-101-cells"),
        ("x" * 63 + " y", "x" * 63),
    ],
)
def test_slug_is_made_from_the_name(
    engine: Engine, organization: Organization, name: str, slug: str
) -> None:
    assert engine.mentors.add(organization.id, name).slug == slug


@pytest.mark.parametrize(
    "names",
    [
        ("微生物学", "数学"),
        ("bulk", "Bulk"),
        ("0191f2aa-7c11-7d7e-9a51-2b6f3a4c5d6e", "0191f2aa-7c11-7d7e-9a51-2b6f3a4c5d6f"),
    ],
)
def test_slug_is_made_from_the_id_when_the_name_makes_none(
    engine: Engine, organization: Organization, names: tuple[str, str]
) -> None:
    for name in names:
        made = engine.mentors.add(organization.id, name)

        assert (made.slug, made.display_name) == (f"mentor-{made.id[:8]}", name)


@pytest.mark.parametrize("slug", ["Zoo", "a b", "../zoo", "zoo" * 30, "zoo-", "zoé"])
def test_slug_that_no_address_can_hold_is_refused(
    engine: Engine, organization: Organization, slug: str
) -> None:
    with pytest.raises(InputRejected) as raised:
        engine.mentors.add(organization.id, "Zoo", slug=slug)

    assert list(raised.value.errors) == ["slug"]


def test_prompt_of_several_lines_is_kept_as_it_is(
    engine: Engine, organization: Organization
) -> None:
    prompt = "Be kind.\r\n\tAnd brief. 🐙"

    made = engine.mentors.add(organization.id, "Zoo", system_prompt=prompt)

    assert made.system_prompt == prompt


def test_taken_slug_is_a_conflict(
    engine: Engine, organization: Organization, mentor: Mentor
) -> None:
    with pytest.raises(Conflict, match="tidal-pools"):
        engine.mentors.add(organization.id, "Tidal Pools!")


def test_mentor_of_another_organization_is_not_found(engine: Engine, mentor: Mentor) -> None:
    other = engine.organizations.put("other", "Other")

    with pytest.raises(NotFound):
        engine.mentors.get(other.id, mentor.id)
    with pytest.raises(NotFound):
        engine.mentors.change(other.id, mentor.id, {"description": "x"}, author="a")


def test_mentors_are_listed_by_name(
    engine: Engine, organization: Organization, mentor: Mentor
) -> None:
    engine.mentors.add(organization.id, "Algae")

    names = [each.display_name for each in engine.mentors.list(organization.id)]

    assert names == ["Algae", "Tidal Pools"]


def test_only_what_is_named_changes(
    engine: Engine, organization: Organization, mentor: Mentor
) -> None:
    changed = engine.mentors.change(
        organization.id, mentor.id, {"description": "Waves"}, author="a"
    )

    assert changed.description == "Waves"
    assert changed.display_name == mentor.display_name
    assert changed.prompt_version == 1


def test_changed_prompt_becomes_a_new_version(
    engine: Engine, organization: Organization, mentor: Mentor
) -> None:
    engine.mentors.change(organization.id, mentor.id, {"system_prompt": "Be kind."}, author="eve")

    versions = engine.mentors.list_prompts(organization.id, mentor.id)

    assert [(each.version, each.system_prompt, each.author) for each in versions] == [
        (2, "Be kind.", "eve"),
        (1, DEFAULT_PROMPT, ""),
    ]


def test_unchanged_prompt_makes_no_version(
    engine: Engine, organization: Organization, mentor: Mentor
) -> None:
    engine.mentors.change(
        organization.id, mentor.id, {"system_prompt": DEFAULT_PROMPT}, author="eve"
    )

    assert len(engine.mentors.list_prompts(organization.id, mentor.id)) == 1


def test_restored_prompt_is_a_new_version(
    engine: Engine, organization: Organization, mentor: Mentor
) -> None:
    engine.mentors.change(organization.id, mentor.id, {"system_prompt": "Be kind."}, author="eve")

    restored = engine.mentors.restore_prompt(organization.id, mentor.id, 1, author="eve")

    assert (restored.system_prompt, restored.prompt_version) == (DEFAULT_PROMPT, 3)


def test_unknown_version_is_not_found(
    engine: Engine, organization: Organization, mentor: Mentor
) -> None:
    with pytest.raises(NotFound):
        engine.mentors.restore_prompt(organization.id, mentor.id, 9, author="eve")


def test_change_on_top_of_a_later_one_is_a_conflict(
    engine: Engine, organization: Organization, mentor: Mentor
) -> None:
    earlier = mentor.updated_at - timedelta(seconds=1)

    with pytest.raises(Conflict):
        engine.mentors.change(
            organization.id, mentor.id, {"description": "x"}, author="a", seen_at=earlier
        )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"display_name": ""}, "display_name"),
        ({"display_name": "   "}, "display_name"),
        ({"display_name": "x" * 101}, "display_name"),
        ({"display_name": "a\nb"}, "display_name"),
        ({"system_prompt": "x" * 20_001}, "system_prompt"),
        ({"system_prompt": "a\0b"}, "system_prompt"),
        ({"description": "\ud83d"}, "description"),
        ({"proactive_prompt": "\x1b[2J"}, "proactive_prompt"),
        ({"suggested_prompts": ["a\0b"]}, "suggested_prompts"),
        ({"suggested_prompts": ["q"] * 9}, "suggested_prompts"),
        ({"suggested_prompts": [""]}, "suggested_prompts"),
        ({"slug": "other"}, "slug"),
        ({"organization_id": "other"}, "organization_id"),
    ],
)
def test_wrong_change_names_its_field_and_changes_nothing(
    engine: Engine,
    organization: Organization,
    mentor: Mentor,
    changes: dict[str, Any],
    field: str,
) -> None:
    with pytest.raises(InputRejected) as raised:
        engine.mentors.change(organization.id, mentor.id, changes, author="a")

    assert list(raised.value.errors) == [field]
    assert engine.mentors.get(organization.id, mentor.id) == mentor
