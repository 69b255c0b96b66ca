"""What a teacher can place in a course: mentors, and the published quizzes of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected
from mentorai.core.quizzes import Quiz

MOST_CHOSEN = 50
# From so many on, looking for one by its name is quicker than reading all.
MANY = 12
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing to place. points, questions: of the quiz; None and 0 for a mentor by itself."""

    mentor_id: str
    mentor_name: str
    title: str
    description: str
    quiz_id: str | None = None
    points: float | None = None
    questions: int = 0

    @property
    def choice(self) -> str:
        """How a form names this offer."""
        return f"{self.mentor_id}/{self.quiz_id}" if self.quiz_id else self.mentor_id

    def matches(self, words: Sequence[str]) -> bool:
        """Whether every word is in its title, its description or its mentor's name."""
        text = f"{self.title} {self.description} {self.mentor_name}".casefold()
        return all(word in text for word in words)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The offers that a page shows, by mentor: its name, and its offers.

    left_out: how many more there are that match. is_long: whether a search is worth a field.
    """

    groups: Sequence[tuple[str, Sequence[Offer]]]
    left_out: int
    is_long: bool


def list_offers(engine: Engine, organization_id: str) -> Sequence[Offer]:
    """Every mentor by name, each followed by its quizzes."""
    quizzes: dict[str, list[Quiz]] = {}
    for quiz in engine.quizzes.list(organization_id, published_only=True):
        quizzes.setdefault(quiz.mentor_id, []).append(quiz)
    offers: list[Offer] = []
    for mentor in engine.mentors.list(organization_id):
        name = mentor.display_name
        offers.append(Offer(mentor.id, name, name, mentor.description))
        offers.extend(
            Offer(
                mentor.id,
                name,
                quiz.title,
                quiz.description,
                quiz_id=quiz.id,
                points=quiz.maximum,
                questions=len(quiz.questions),
            )
            for quiz in quizzes.get(mentor.id, ())
        )
    return offers


def find_offers(offers: Sequence[Offer], search: str, chosen: Sequence[str]) -> Shelf:
    """The offers that a search is after, those that are chosen already always among them."""
    words = search.casefold().split()
    matching = [offer for offer in offers if offer.matches(words) and offer.choice not in chosen]
    kept = {offer.choice for offer in matching[:SHOWN]} | set(chosen)
    groups: dict[str, tuple[str, list[Offer]]] = {}
    for offer in offers:
        if offer.choice in kept:
            groups.setdefault(offer.mentor_id, (offer.mentor_name, []))[1].append(offer)
    return Shelf(
        groups=list(groups.values()),
        left_out=max(0, len(matching) - SHOWN),
        is_long=len(offers) > MANY,
    )


def read_chosen(
    offers: Sequence[Offer], chosen: Sequence[str], *, several: bool
) -> Sequence[Offer]:
    """The offers that were ticked, in the order of the page.

    Raises InputRejected if none was, too many were, or one that is not on offer.
    """
    known = {offer.choice for offer in offers}
    most = MOST_CHOSEN if several else 1
    if not chosen or not known.issuperset(chosen):
        raise InputRejected({"choice": ["Choose what to place, please."]})
    if len(set(chosen)) > most:
        raise InputRejected({"choice": [f"At most {most} at a time, please."]})
    return [offer for offer in offers if offer.choice in chosen]
