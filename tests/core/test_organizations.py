import pytest

from mentorai.core.engine import Engine
from mentorai.core.errors import NotFound


def test_first_start_makes_the_default_organization(engine: Engine) -> None:
    assert engine.organizations.get().slug == "default"


def test_organization_is_made_once(engine: Engine) -> None:
    first = engine.organizations.put("biology", "Biology")

    again = engine.organizations.put("biology", "Another Name")

    assert again == first


def test_unknown_organization_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFound):
        engine.organizations.get("nowhere")
