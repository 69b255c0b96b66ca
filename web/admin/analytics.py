"""The Analytics tab: how the mentor is used, as numbers, a plot and tables."""

from datetime import date

from flask import Blueprint, render_template, request

from mentorai.core.analytics import Count
from mentorai.core.engine import Engine
from mentorai.core.periods import SPANS, read_period
from mentorai.web.admin.desk import mentor

SPAN_WORDS = {"today": "Today", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
# How a number is called, and what it is of.
WORDS = {
    "people": ("People", "who came, asked or tried a quiz"),
    "visits": ("Visits", "from the course"),
    "conversations": ("Conversations", "begun"),
    "messages": ("Messages", "asked"),
    "weak_matches": ("Hardly covered", "messages that the material did not fit well"),
    "attempts": ("Attempts", "at quizzes"),
    "submitted": ("Submitted", "attempts"),
    "mean_percent": ("Mean", "percent, of submitted attempts"),
}
TOPICS_SHOWN = 20


class AnalyticsPages:
    """The numbers of one mentor. Inside a course, too, they are of the mentor as a whole."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the page on the blueprint."""
        admin.add_url_rule("/mentors/<mentor>/analytics", "analytics", self.analytics)

    def analytics(self) -> str:
        """The page. A span that does not exist shows the usual one."""
        span = request.args.get("days", "30d")
        span = span if span in SPANS else "30d"
        days = self._count("conversations", span, "day")
        # By the largest that is shown: one that is hidden must not tell its height.
        most = max((line.values["messages"] or 0 for line in days.lines), default=0)
        return render_template(
            "admin/analytics.html",
            span=span,
            spans=SPAN_WORDS,
            words=WORDS,
            overview=self._count("overview", span, "all"),
            days=days,
            dates={line.key: date.fromisoformat(line.key) for line in days.lines},
            most=most,
            topics=self._count("topics", span, "document").lines[:TOPICS_SHOWN],
            quizzes=self._count("progress", span, "quiz").lines,
        )

    def _count(self, subject: str, span: str, group_by: str) -> Count:
        place = (mentor().organization_id, mentor().id)
        return self._engine.analytics.count(*place, subject, read_period(span), group_by)
