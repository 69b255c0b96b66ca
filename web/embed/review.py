"""What one person did in a place, for whoever teaches there, or for that person.

The platform's gradebook leads here (LTI Submission Review 1.0). The session is an ordinary one of
whoever looks; what it may show is judged anew at every request.
"""

from dataclasses import dataclass

from flask import Blueprint, render_template, request, url_for
from markupsafe import Markup

from mentorai.core.attempts import Attempt, MarkedAttempt, MarkedQuestion
from mentorai.core.conversation_rows import Conversation
from mentorai.core.engine import Engine
from mentorai.core.errors import NotFound
from mentorai.core.values import Citation, Person, Session, Turn
from mentorai.web.embed.answers import say_answer
from mentorai.web.embed.passages import read_passage
from mentorai.web.embed.turns import TurnView, view_turn
from mentorai.web.gate import visitor
from mentorai.web.markdown import to_html

# The latest; a quiz without a limit may have been taken any number of times.
ATTEMPTS = 20
CONVERSATIONS = 100


@dataclass(frozen=True, slots=True)
class QuestionView:
    """A marked question as the page shows it."""

    question: MarkedQuestion
    prompt: Markup
    answer: str
    feedback: Markup


@dataclass(frozen=True, slots=True)
class AttemptView:
    """An attempt with its marks; result is None while it is open."""

    attempt: Attempt
    result: MarkedAttempt | None
    questions: tuple[QuestionView, ...]


class ReviewPages:
    """The review pages of one session."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, embed: Blueprint) -> None:
        """Put the pages on the blueprint."""
        embed.add_url_rule("/review/<person_id>/", "review", self.show)
        embed.add_url_rule(
            "/review/<person_id>/passages/<int:passage_id>", "reviewed_passage", self.passage
        )

    def show(self, person_id: str) -> str:
        """The attempts with their marks, where the score is, and one conversation."""
        session = visitor()
        person = self._get_person(session, person_id)
        attempts = self._read_attempts(session, person)
        spoken = self._list_conversations(session, person)
        chosen = _choose(spoken, request.args.get("conversation"))
        return render_template(
            "embed/review.html",
            person=person,
            is_own=person.id == session.person_id,
            attempts=attempts,
            grade=next((view.result.grade for view in attempts if view.result), None),
            conversations=spoken,
            conversation=chosen,
            turns=self._view_turns(session, person, chosen),
            visitor=session,
            mentor=self._engine.mentors.get(session.organization_id, session.mentor_id),
        )

    def passage(self, person_id: str, passage_id: int) -> str:
        """A passage that was cited to this person, with the quoted words marked."""
        session = visitor()
        person = self._get_person(session, person_id)
        chosen = _choose(
            self._list_conversations(session, person), request.args.get("conversation")
        )
        citation = self._get_citation(session, person, chosen, passage_id)
        return render_template(
            "embed/passage.html",
            **read_passage(self._engine, session, passage_id, citation),
            back=url_for(
                "embed.review",
                person_id=person.id,
                conversation=chosen.id if chosen else None,
                _anchor=f"turn-{request.args.get('turn', '')}",
            ),
            mentor=self._engine.mentors.get(session.organization_id, session.mentor_id),
            visitor=session,
            is_review=True,
        )

    def _get_person(self, session: Session, person_id: str) -> Person:
        """Whose work it is. Raises NotFound unless it is one's own, or one teaches there."""
        found = None
        if session.context_id and (session.role.is_staff or person_id == session.person_id):
            found = self._engine.people.find_member(session.context_id, person_id)
        if found is None:
            raise NotFound("There is no such person in this course.")
        return found

    def _read_attempts(self, session: Session, person: Person) -> list[AttemptView]:
        if session.resource_link_id is None:
            return []
        made = self._engine.quizzes.list_work(
            session.organization_id,
            session.mentor_id,
            session.resource_link_id,
            person.id,
            quiz_id=session.quiz_id,
        )
        return [self._view_attempt(attempt) for attempt in made[: -ATTEMPTS - 1 : -1]]

    def _view_attempt(self, attempt: Attempt) -> AttemptView:
        if attempt.status == "open":
            return AttemptView(attempt, None, ())
        result = self._engine.quizzes.get_result(
            attempt.organization_id, attempt.mentor_id, attempt.id, attempt.person_id
        )
        return AttemptView(attempt, result, tuple(_view(one) for one in result.questions))

    def _list_conversations(self, session: Session, person: Person) -> list[Conversation]:
        """Those with this mentor in this course, the one used last first."""
        listed = self._engine.conversations.list(
            session.organization_id,
            session.mentor_id,
            person_id=person.id,
            context_id=session.context_id,
            page_size=CONVERSATIONS,
        )
        return list(listed)

    def _turns(
        self, session: Session, person: Person, conversation: Conversation | None
    ) -> list[Turn]:
        if conversation is None:
            return []
        place = (session.organization_id, session.mentor_id, conversation.id)
        return list(self._engine.conversations.turns(*place, person_id=person.id))

    def _view_turns(
        self, session: Session, person: Person, conversation: Conversation | None
    ) -> list[TurnView]:
        turns = self._turns(session, person, conversation)
        return [view_turn(turn, reviewed=person.id) for turn in turns]

    def _get_citation(
        self,
        session: Session,
        person: Person,
        conversation: Conversation | None,
        passage_id: int,
    ) -> Citation:
        number = request.args.get("n", type=int)
        for turn in self._turns(session, person, conversation):
            for citation in turn.citations:
                is_it = citation.passage_id == passage_id and number in (None, citation.n)
                if is_it and turn.id == request.args.get("turn"):
                    return citation
        raise NotFound("There is no such citation.")


def _choose(conversations: list[Conversation], wanted: str | None) -> Conversation | None:
    if wanted is None:
        return conversations[0] if conversations else None
    for conversation in conversations:
        if conversation.id == wanted:
            return conversation
    raise NotFound("There is no such conversation.")


def _view(question: MarkedQuestion) -> QuestionView:
    return QuestionView(
        question,
        to_html(question.prompt),
        say_answer(question.options, question.answer),
        to_html(question.feedback),
    )
