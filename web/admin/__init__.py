"""The admin: an instructor's, inside the course, and campus IT's, at /admin."""

from typing import Any

from flask import Blueprint, g

from mentorai.core.engine import Engine
from mentorai.web.admin.accounts import AccountPages
from mentorai.web.admin.add_platform import AddPlatformPages
from mentorai.web.admin.analytics import AnalyticsPages
from mentorai.web.admin.connections import ConnectionPages
from mentorai.web.admin.datasets import DatasetPages
from mentorai.web.admin.desk import guard
from mentorai.web.admin.enrolments import EnrolmentPages
from mentorai.web.admin.grades import GradePages
from mentorai.web.admin.invitations import InvitationPages
from mentorai.web.admin.key_policy import KeyPolicyPages
from mentorai.web.admin.keys import KeyPages, OrganizationKeyPages
from mentorai.web.admin.launches import LaunchPages
from mentorai.web.admin.mentors import MentorPages
from mentorai.web.admin.people import PeoplePages
from mentorai.web.admin.platform_facts import PlatformFactsPages
from mentorai.web.admin.platforms import PlatformPages
from mentorai.web.admin.prompt import PromptPages
from mentorai.web.admin.questions import QuestionPages
from mentorai.web.admin.quizzes import QuizPages
from mentorai.web.admin.test_launch import TestLaunchPages
from mentorai.web.admin.tool_keys import ToolKeyPages
from mentorai.web.admin.webhooks import WebhookPages, count_stopped
from mentorai.web.gate import carry

PAGES = (
    AccountPages,
    MentorPages,
    KeyPages,
    KeyPolicyPages,
    OrganizationKeyPages,
    DatasetPages,
    PromptPages,
    QuizPages,
    QuestionPages,
    GradePages,
    PeoplePages,
    AnalyticsPages,
    PlatformPages,
    PlatformFactsPages,
    AddPlatformPages,
    TestLaunchPages,
    ConnectionPages,
    EnrolmentPages,
    InvitationPages,
    ToolKeyPages,
    LaunchPages,
    WebhookPages,
)
TABS = (
    ("Overview", "overview"),
    ("API", "keys"),
    ("Datasets", "datasets"),
    ("Prompt", "prompt"),
    ("Quizzes", "quizzes"),
    ("Grades", "grades"),
    ("People", "people"),
    ("Webhooks", "webhooks"),
    ("Analytics", "analytics"),
)


def make_admin(engine: Engine) -> Blueprint:
    """The admin's pages; mount them at /s/<session_id>/admin and at /admin.

    Inside a course they know one mentor, the session's; at /admin all of the organization's.
    """
    admin = Blueprint("admin", __name__)
    guard(engine, admin)
    carry(engine, admin)
    for pages in PAGES:
        pages(engine).route(admin)

    @admin.context_processor
    def give_frame() -> dict[str, Any]:
        more = [tab for tabs in engine.plugins.ask_all("admin_tabs") for tab in tabs]
        return {
            "desk": g.get("desk"),
            "mentor": g.get("desk_mentor"),
            "tabs": TABS,
            "more_tabs": more,
            "stopped_webhooks": count_stopped(engine),
        }

    return admin
