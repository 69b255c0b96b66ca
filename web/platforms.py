"""The LMSs that what campus IT sends may name."""

from mentorai.core.engine import Engine
from mentorai.lti.tool import Tool


def find_platforms(engine: Engine, organization_id: str) -> frozenset[str]:
    """The ids of the organization's registrations."""
    listed = engine.room(Tool).registrations.list(organization_id)
    return frozenset(registration.id for registration in listed)
