"""What a teacher can place in a course: mentors, and the published quizzes of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected
from mentorai.lti.deep_linking import ContentItem


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing to place. points: what the quiz is worth, None for a mentor by itself."""

    mentor_id: str
    title: str
    description: str
    quiz_id: str | None = None
    points: float | None = None

    @property
    def choice(self) -> str:
        """How a form names this offer."""
        return f"{self.mentor_id}/{self.quiz_id}" if self.quiz_id else self.mentor_id


def list_offers(engine: Engine, organization_id: str) -> Sequence[Offer]:
    """Every mentor by name, each followed by its quizzes."""
    offers: list[Offer] = []
    for mentor in engine.mentors.list(organization_id):
        offers.append(Offer(mentor.id, mentor.display_name, mentor.description))
        offers.extend(
            Offer(mentor.id, quiz.title, quiz.description, quiz.id, quiz.maximum)
            for quiz in engine.quizzes.list(organization_id, mentor.id, published_only=True)
        )
    return offers


def read_choice(
    offers: Sequence[Offer], chosen: Sequence[str], launch_url: str
) -> Sequence[ContentItem]:
    """The content items for what was ticked, in the order of the page.

    Raises InputRejected if nothing was, or something that is not on offer.
    """
    known = {offer.choice for offer in offers}
    if not chosen or not known.issuperset(chosen):
        raise InputRejected({"choice": ["Choose what to place, please."]})
    return [_item(offer, launch_url) for offer in offers if offer.choice in chosen]


def _item(offer: Offer, launch_url: str) -> ContentItem:
    custom = {"mentor": offer.mentor_id}
    if offer.quiz_id is None:
        return ContentItem(title=offer.title, url=launch_url, custom=custom)
    return ContentItem(
        title=offer.title,
        url=launch_url,
        custom=custom | {"quiz": offer.quiz_id},
        score_maximum=offer.points,
        resource_id=offer.quiz_id,
    )
