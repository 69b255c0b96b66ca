"""What a teacher can place in a course: mentors, their published quizzes and their documents."""

from collections.abc import Sequence
from dataclasses import dataclass

from mentorai.core.datasets import Dataset
from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected
from mentorai.core.mentors import Mentor
from mentorai.core.quizzes import Quiz
from mentorai.plugins.lti_launch.picker_place import MENTOR_KINDS, QUIZ_KINDS, Place

MOST_CHOSEN = 50
# From so many on, looking for one by its name is quicker than reading all.
MANY = 12
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing to place.

    kinds: what it can be placed as here, the best first. points, questions: of the quiz.
    document: None for a mentor by itself and for a quiz.
    """

    mentor_id: str
    mentor_name: str
    title: str
    description: str
    kinds: tuple[str, ...]
    quiz_id: str | None = None
    points: float | None = None
    questions: int = 0
    document: Dataset | None = None

    @property
    def choice(self) -> str:
        """How a form names this offer."""
        if self.document:
            return f"{self.mentor_id}/document/{self.document.id}"
        return f"{self.mentor_id}/{self.quiz_id}" if self.quiz_id else self.mentor_id

    def matches(self, words: Sequence[str]) -> bool:
        """Whether every word is in its title, its description or its mentor's name."""
        text = f"{self.title} {self.description} {self.mentor_name}".casefold()
        return all(word in text for word in words)


@dataclass(frozen=True, slots=True)
class Group:
    """What a page shows of one mentor: itself and its quizzes, and its documents apart."""

    name: str
    offers: Sequence[Offer]

    @property
    def documents(self) -> Sequence[Offer]:
        """The documents."""
        return [offer for offer in self.offers if offer.document]

    @property
    def activities(self) -> Sequence[Offer]:
        """The mentor and its quizzes."""
        return [offer for offer in self.offers if not offer.document]


@dataclass(frozen=True, slots=True)
class Shelf:
    """The offers that a page shows, by mentor.

    left_out: how many more there are that match. is_long: whether a search is worth a field.
    """

    groups: Sequence[Group]
    left_out: int
    is_long: bool


def list_offers(engine: Engine, organization_id: str, place: Place) -> Sequence[Offer]:
    """Every mentor by name, each followed by its quizzes and its documents; what fits the place."""
    quizzes: dict[str, list[Quiz]] = {}
    documents: dict[str, list[Dataset]] = {}
    kept: frozenset[str] = frozenset()
    if place.takes_mentors:
        for quiz in engine.quizzes.list(organization_id, published_only=True):
            quizzes.setdefault(quiz.mentor_id, []).append(quiz)
    if place.takes_documents:
        for document in engine.datasets.list_all(organization_id):
            documents.setdefault(document.mentor_id, []).append(document)
        kept = engine.datasets.list_kept(organization_id)
    offers: list[Offer] = []
    for mentor in engine.mentors.list(organization_id):
        name = mentor.display_name
        offers.append(Offer(mentor.id, name, name, mentor.description, place.fit(MENTOR_KINDS)))
        offers.extend(_offer_quiz(mentor, quiz, place) for quiz in quizzes.get(mentor.id, ()))
        offers.extend(
            _offer_document(mentor, document, place, is_kept=document.id in kept)
            for document in documents.get(mentor.id, ())
        )
    return [offer for offer in offers if offer.kinds]


def find_offers(offers: Sequence[Offer], search: str, chosen: Sequence[str]) -> Shelf:
    """The offers that a search is after, those that are chosen already always among them."""
    words = search.casefold().split()
    matching = [offer for offer in offers if offer.matches(words) and offer.choice not in chosen]
    # A mentor with very many documents leaves room for the other mentors.
    matching.sort(key=lambda offer: offer.document is not None)
    kept = {offer.choice for offer in matching[:SHOWN]} | set(chosen)
    groups: dict[str, list[Offer]] = {}
    for offer in offers:
        if offer.choice in kept:
            groups.setdefault(offer.mentor_id, []).append(offer)
    return Shelf(
        groups=[Group(shown[0].mentor_name, shown) for shown in groups.values()],
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


def _offer_quiz(mentor: Mentor, quiz: Quiz, place: Place) -> Offer:
    return Offer(
        mentor.id,
        mentor.display_name,
        quiz.title,
        quiz.description,
        place.fit(QUIZ_KINDS),
        quiz_id=quiz.id,
        points=quiz.maximum,
        questions=len(quiz.questions),
    )


def _offer_document(mentor: Mentor, document: Dataset, place: Place, *, is_kept: bool) -> Offer:
    # Where it stands on the web is what tells two documents of one name apart.
    return Offer(
        mentor.id,
        mentor.display_name,
        document.name,
        document.url,
        place.fit_document(document, is_kept=is_kept),
        document=document,
    )
