"""A mentor with material, a student's session with it, and their browser."""

import io

import pytest
from flask import Flask

from mentorai.core.datasets import Dataset
from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.organizations import Organization
from mentorai.core.quizzes import Quiz
from mentorai.core.values import Session
from tests.fakes.visitor import Visitor, open_session
from tests.web.data_guard import DataGuard

SHORE = """# The Rocky Shore

## Zonation

Mussels form a dense band in the mid-intertidal zone. Their lower limit is set by the sea star.

## Anemones

Anemones survive low tide by covering themselves with shell fragments.
"""


@pytest.fixture(autouse=True)
def _guarded(data_guard: DataGuard) -> None:
    """Whatever a page runs says whose rows it means."""


@pytest.fixture
def mentor(engine: Engine, organization: Organization) -> Mentor:
    return engine.mentors.add(
        organization.id,
        "Tidal Pools",
        proactive_prompt="Welcome to the **shore**.",
        suggested_prompts=["Why do mussels form bands?"],
    )


@pytest.fixture
def material(engine: Engine, mentor: Mentor) -> Dataset:
    stream = io.BytesIO(SHORE.encode())
    return engine.datasets.add(
        mentor.organization_id, mentor.id, "shore.md", "text/markdown", stream
    )


@pytest.fixture
def quiz(engine: Engine, mentor: Mentor) -> Quiz:
    return engine.quizzes.put(
        mentor.organization_id,
        mentor.id,
        {
            "title": "Zonation",
            "description": "Covers the *rocky shore*.",
            "attempts_allowed": 2,
            "published": True,
            "questions": [
                {
                    "kind": "choice",
                    "prompt": "What sets the **lower** limit?",
                    "points": 2,
                    "options": ["Drying out", "The sea star", "Waves"],
                    "answer": 1,
                    "feedback": "Paine took the sea stars away.",
                },
                {
                    "kind": "choices",
                    "prompt": "Who lives there?",
                    "points": 2,
                    "options": ["Mussels", "Tuna", "Anemones"],
                    "answer": [0, 2],
                },
                {"kind": "true_false", "prompt": "Mussels move.", "answer": False},
                {"kind": "number", "prompt": "Tides a day?", "answer": {"value": 2}},
                {"kind": "text", "prompt": "Name a predator.", "answer": ["*sea star*"]},
            ],
        },
    )


@pytest.fixture
def session(engine: Engine, mentor: Mentor) -> Session:
    return open_session(engine, mentor)


@pytest.fixture
def student(app: Flask, session: Session) -> Visitor:
    """A browser that shows the session's binding."""
    return Visitor(app)


@pytest.fixture
def home(session: Session) -> str:
    """The address of the session's chat page."""
    return f"/s/{session.id}/"
