"""Where a portal's ticket is taken: the address that its page shows in a frame."""

from secrets import token_hex

from flask import Blueprint, Response, request

from mentorai.core.embedding import take_ticket
from mentorai.core.engine import Engine
from mentorai.core.errors import TicketInvalid
from mentorai.core.sessions import BINDING_COOKIE
from mentorai.core.values import Session
from mentorai.web.gate import CODE, find_binding

ADDRESS = "/embed/open"
TICKET = "ticket"


def make_ticket_pages(engine: Engine) -> Blueprint:
    """The way in with a ticket, in a frame or in a tab of its own."""
    pages = Blueprint("embed_tickets", __name__)

    @pages.get(ADDRESS)
    def open_ticket() -> Response:
        if request.method == "HEAD":
            # Whoever only looks does not use up the ticket.
            return Response(status=204)
        given = request.args.get(TICKET, "")
        if not given:
            raise TicketInvalid
        binding = find_binding() or token_hex(32)
        session = take_ticket(engine, given, binding)
        # A code goes along in case that the browser keeps no cookie in the portal's frame.
        code = engine.sessions.issue_handoff(session.id)
        answer = Response(status=303, headers={"Location": f"{_find_start(session)}?{CODE}={code}"})
        answer.set_cookie(
            BINDING_COOKIE, binding, secure=True, httponly=True, samesite="None", partitioned=True
        )
        return answer

    return pages


def _find_start(session: Session) -> str:
    return f"/s/{session.id}/quiz/" if session.quiz_id else f"/s/{session.id}/"
