"""Pages outside a session that are held for one browser: pickers and privacy pages.

They open by the browser's cookie. Where none is kept they open by a code, good once, that the
platform's storage or a button for a tab gave; from then on the page itself holds a secret, which
goes along in the body of its forms and never in an address. A request that brings the secret is
judged by it alone, and so it needs no CSRF token: no other site can make a browser send one.
"""

import secrets
from collections.abc import Callable

from flask import Response, g, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from mentorai.core.errors import StateMismatch
from mentorai.lti.page_handoffs import PageHandoffs
from mentorai.lti.tool import Tool
from mentorai.plugins.lti_launch.routes_binding import BINDING_PATTERN, find_binding, put_binding

USED_UP = "This page was opened already, or too long ago; begin again in the LMS."
Answer = str | Response | AnyResponse


class HeldPages:
    """The ways into one kind of page. place: the address that they are under."""

    def __init__(self, tool: Tool, handoffs: PageHandoffs, place: str) -> None:
        self._tool = tool
        self.handoffs = handoffs
        self._place = place
        self.resume_url = f"{place}/resume"

    def resume(self) -> Response:
        """Let in the page that read the launch's proof from the platform's storage."""
        code, proof = request.form.get("code", ""), request.form.get("proof", "")
        location = self._enter(code, proof)
        if location is None:
            raise StateMismatch(USED_UP)
        return jsonify({"location": location})

    def find_way_on(self, code: str) -> str | None:
        """Where a code from the button for a tab leads; None if it is not of this kind."""
        return self._enter(code, None)

    def open(self, page_id: str, show: Callable[[str], Answer]) -> Answer:
        """Show a page to whom it is held for. show: makes it for whoever shows this binding.

        Raises StateMismatch for a code that is used up.
        """
        code, shown = request.args.get("code"), find_binding()
        if code is None:
            return show(shown)
        if request.method == "HEAD":
            # Whoever only looks does not use up the code.
            return Response(status=204)
        binding = shown or secrets.token_hex(32)
        if self.handoffs.take(code, binding) != page_id:
            raise StateMismatch(USED_UP)
        if shown:
            # This browser keeps our cookie after all.
            return redirect(request.path, 303)
        return self._hold(page_id, binding, show)

    def open_held(self, page_id: str, show: Callable[[str], Answer]) -> Answer:
        """The same for what a page sends that holds its secret; cookies count for nothing."""
        secret = request.form.get("held", "")
        return self._hold(page_id, secret if BINDING_PATTERN.fullmatch(secret) else "", show)

    def _hold(self, page_id: str, secret: str, show: Callable[[str], Answer]) -> Answer:
        g.held, g.held_url = secret, f"{self._place}/{page_id}/held"
        return show(secret)

    def _enter(self, code: str, proof: str | None) -> str | None:
        """Give the page to this browser; its address, with a code in case that the browser does
        not keep the cookie that comes with this answer."""
        page_id = self.handoffs.take(code, put_binding(), proof)
        if page_id is None:
            return None
        if proof is not None:
            self._tool.launch_log.note_way(page_id, "storage")
        return f"{self._place}/{page_id}?code={self.handoffs.issue(page_id)}"
