"""Frozen facts that cross a hook. Nothing here has behaviour beyond reading itself."""

from mentorai.core.values.grades import (
    ActivityProgress,
    GradePlace,
    GradingProgress,
    LineItem,
    Receipt,
    Result,
    Score,
)
from mentorai.core.values.launches import (
    Context,
    FormerIds,
    GradeService,
    Launch,
    MentorRef,
    ResourceLink,
)
from mentorai.core.values.pages import AdminTab, Link
from mentorai.core.values.people import Group, Identity, Member, Person, Role, RosterEnd
from mentorai.core.values.platforms import Platform, PlatformProfile
from mentorai.core.values.sessions import Denial, EndReason, RequestFacts, Session
from mentorai.core.values.turns import (
    Citation,
    DoneEvent,
    ErrorEvent,
    Event,
    Exchange,
    Passage,
    Section,
    SourcesEvent,
    StartEvent,
    TokenEvent,
    Turn,
    TurnRequest,
)

__all__ = [
    "ActivityProgress",
    "AdminTab",
    "Citation",
    "Context",
    "Denial",
    "DoneEvent",
    "EndReason",
    "ErrorEvent",
    "Event",
    "Exchange",
    "FormerIds",
    "GradePlace",
    "GradeService",
    "GradingProgress",
    "Group",
    "Identity",
    "Launch",
    "LineItem",
    "Link",
    "Member",
    "MentorRef",
    "Passage",
    "Person",
    "Platform",
    "PlatformProfile",
    "Receipt",
    "RequestFacts",
    "ResourceLink",
    "Result",
    "Role",
    "RosterEnd",
    "Score",
    "Section",
    "Session",
    "SourcesEvent",
    "StartEvent",
    "TokenEvent",
    "Turn",
    "TurnRequest",
]
