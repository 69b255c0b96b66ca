"""Grades and rosters of one platform by LTI Advantage, as its family of LMS wants them asked for.

What is special about the family comes from its profile; what no data can say, its plugin does
before and after it calls these.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from mentorai.core.errors import MentorAIError, NoLineItem, PlatformError, TeacherGradeStands
from mentorai.core.held_results import is_same
from mentorai.core.launch_facts import GroupService
from mentorai.core.places import list_neighbours
from mentorai.core.values import (
    Context,
    GradePlace,
    Group,
    LineItem,
    Member,
    Platform,
    PlatformProfile,
    Receipt,
    Result,
    RosterEnd,
    Score,
)
from mentorai.lti import ags, groups, nrps
from mentorai.lti.platform_http import Reply
from mentorai.lti.registrations import Registration
from mentorai.lti.results import list_results
from mentorai.lti.score_refusals import read_refusal
from mentorai.lti.tool import Tool

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


@dataclass(frozen=True, slots=True)
class CourseServices:
    """The services of one platform."""

    engine: "Engine"
    tool: Tool
    registration: Registration
    profile: PlatformProfile

    @classmethod
    def find(cls, engine: "Engine", platform: Platform) -> Self | None:
        """The services of a platform; None if it is not registered here (any more)."""
        tool = engine.room(Tool)
        found = tool.registrations.find_named(platform.registration_id)
        if found is None or found.organization_id != platform.organization_id:
            return None
        profile = engine.plugins.find_profile(platform.family)
        plain = PlatformProfile(family=platform.family, title="LMS")
        return cls(engine, tool, found, profile or plain)

    def find_line_item(self, place: GradePlace) -> LineItem:
        """The column of a place, found or made (ags.find_line_item). Raises as that does."""
        with self.engine.database.read() as connection:
            others = list_neighbours(connection, place.resource_link_id)
        is_course = place.lms_resource_link_id == place.lms_context_id
        rules = ags.ColumnRules(
            binds=self.profile.binds_columns and not (self.profile.course_is_link and is_course),
            label_length=self.profile.column_label,
            tag_length=self.profile.column_tag,
            plain_tag=self.profile.column_plain_tag,
            whole_points=self.profile.column_whole_points,
            own_labels=self.profile.takes_over_labels,
        )
        return ags.find_line_item(
            self.tool,
            self.registration,
            place,
            rules=rules,
            others=others,
        )

    def push_score(
        self,
        line_item: LineItem,
        score: Score,
        *,
        read_answer: ags.ReadRefusal | None = None,
        keeps_grade: bool = False,
    ) -> Receipt:
        """Bring a score to a column (ags.push_score). Raises as that does.

        read_answer: what the plugin makes of a refusal that its profile does not explain.
        """

        def read(reply: Reply) -> MentorAIError | None:
            known = read_refusal(self.profile, reply)
            return read_answer(reply) if known is None and read_answer else known

        return ags.push_score(
            self.tool,
            self.registration,
            line_item,
            score,
            read_refusal=read,
            keeps_grade=keeps_grade,
        )

    def read_results(self, line_item: LineItem) -> Sequence[Result]:
        """What a column holds (results.list_results). Raises as that does."""
        size = self.profile.results_page
        found = list_results(self.tool, self.registration, line_item, limit=size)
        if not self.profile.hides_zero:
            return list(found)
        return [replace(each, may_be_zero=each.given is None) for each in found]

    def find_result(self, line_item: LineItem, subject: str) -> Result | None:
        """What a column holds for one person, or None. Raises as results.list_results does."""
        found = list_results(self.tool, self.registration, line_item, subject=subject)
        return next(found, None)

    def check_replaced(self, line_item: LineItem, score: Score) -> None:
        """Raises TeacherGradeStands for a score that was to take the place of a teacher's grade,
        was taken, and did not: for platforms that keep theirs all the same.
        """
        if score.replaces_teacher and self._keeps_another(line_item, score):
            raise TeacherGradeStands(
                f"A teacher overrode this grade in {self.profile.title}, which keeps theirs "
                "whatever is sent."
            )

    def _keeps_another(self, line_item: LineItem, score: Score) -> bool:
        try:
            result = self.find_result(line_item, score.subject)
        except (PlatformError, NoLineItem):
            # It may not be read, or not now; that the score was taken is known.
            return False
        if result is None or result.given is None:
            return False
        return not is_same(result, score.given or 0.0, score.maximum)

    def list_members(
        self, memberships_url: str, context: Context | None = None
    ) -> Iterator[Member | RosterEnd]:
        """The members of a context (nrps.list_members). Raises as that does.

        context: the one that was asked about; the roster of another is refused then.
        """
        return nrps.list_members(
            self.tool,
            self.registration,
            memberships_url,
            context_id=context.lms_id if context else "",
            limit=self.profile.roster_page,
            query=self.profile.roster_query,
        )

    def list_groups(self, service: GroupService) -> Iterator[Group]:
        """The groups of a context (groups.list_groups). Raises as that does."""
        return groups.list_groups(self.tool, self.registration, service)
