"""How the sandbox is told to misbehave, and what it received: JSON, and one page for people."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.errors import InputRejected, NotFound
from mentorai.plugins.sandbox.faults import ENDPOINTS, KINDS
from mentorai.plugins.sandbox.memberships import change_membership
from mentorai.plugins.sandbox.personalities import PERSONALITIES
from mentorai.plugins.sandbox.routes_pages import here, refuse_foreign_forms
from mentorai.plugins.sandbox.tokens import GRANTED
from mentorai.plugins.sandbox.wire import Refused

Json = dict[str, Any]
routes = Blueprint("control", __name__, url_prefix="/control")
routes.before_request(refuse_foreign_forms)


@routes.errorhandler(InputRejected)
def rejected(error: InputRejected) -> tuple[Json, int]:
    """What was asked for is not something the sandbox can do."""
    return {"code": error.code, "errors": error.errors}, 422


@routes.errorhandler(NotFound)
def absent(error: NotFound) -> tuple[Json, int]:
    """There is no such fault."""
    return {"code": error.code, "detail": error.message}, 404


@routes.get("/state")
def state() -> Json:
    """How the sandbox behaves at this moment."""
    return {
        "behaviour": asdict(here().platform.behaviour),
        "faults": [fault.as_dict() for fault in here().platform.faults.list()],
        "signing_kid": here().platform.keys.kid,
        "published_kids": [key["kid"] for key in here().platform.keys.published()["keys"]],
        "requests": len(here().platform.requests),
        "scores": len(here().platform.scores),
    }


@routes.post("/faults")
def add_fault() -> tuple[Json, int]:
    """Ask for a fault: `{"endpoint": "scores", "kind": "status", "status": 503, "times": 2}`."""
    facts = read_body()
    endpoint, kind = facts.pop("endpoint", ""), facts.pop("kind", "")
    return here().platform.faults.add(endpoint, kind, **_known(facts)).as_dict(), 201


@routes.delete("/faults")
def clear_faults() -> tuple[str, int]:
    """End every fault."""
    here().platform.faults.clear()
    return "", 204


@routes.delete("/faults/<fault_id>")
def clear_fault(fault_id: str) -> tuple[str, int]:
    """End one fault."""
    here().platform.faults.clear(fault_id)
    return "", 204


@routes.patch("/behaviour")
def behave() -> Json:
    """Change lasting habits: `{"clock_offset_seconds": 300}`."""
    return asdict(here().platform.behave(read_body()))


@routes.get("/deep-linking")
def show_wants() -> Json:
    """What content selections ask for."""
    return asdict(here().platform.wants)


@routes.patch("/deep-linking")
def change_wants() -> Json:
    """Have later selections ask for other things: `{"accept_multiple": false}`."""
    platform = here().platform
    platform.wants = platform.wants.change(read_body())
    return asdict(platform.wants)


@routes.get("/selections")
def list_selections() -> Json:
    """What came of each content selection: the items, and what the tool said of them."""
    return {"selections": here().platform.shelf.list("selection")}


@routes.put("/memberships")
def change() -> tuple[str, int]:
    """Change who is in a course: `{"course": "sourdough", "person": "maya", "status": "Deleted"}`.

    Active lets somebody in, Inactive suspends them, Deleted takes them out.
    """
    body = read_body()
    change_membership(here().platform, body.get("course"), body.get("person"), body.get("status"))
    return "", 204


@routes.post("/keys")
def rotate() -> tuple[Json, int]:
    """Sign with a new key: `{"withdraw_old": true}` or `{"publish": false}`, or `{}`."""
    body = read_body()
    kid = here().platform.keys.rotate(
        withdraw_old=body.get("withdraw_old") is True, publish=body.get("publish") is not False
    )
    return {"kid": kid}, 201


@routes.delete("/tokens")
def revoke_tokens() -> tuple[str, int]:
    """Forget every access token."""
    here().tokens.revoke_all()
    return "", 204


@routes.get("/requests")
def list_requests() -> Json:
    """What reached the LTI endpoints, oldest first."""
    received = [asdict(r) | {"at": r.at.isoformat()} for r in list(here().platform.requests)]
    return {"requests": received}


@routes.delete("/requests")
def forget_requests() -> tuple[str, int]:
    """Forget what was received so far."""
    here().platform.requests.clear()
    return "", 204


@routes.get("/scores")
def list_scores() -> Json:
    """Every score taken, as it was sent, in order."""
    return {"scores": here().platform.scores}


@routes.get("/gradebook")
def gradebook() -> Json:
    """Every line item and what it holds."""
    columns = [c for o in here().platform.courses() for c in here().gradebook.columns(o)]
    return {"line_items": columns, "results": here().platform.shelf.list("result")}


@routes.get("/")
def page() -> str:
    """All of this for people."""
    return render_template(
        "sandbox/control.html",
        behaviour=here().platform.behaviour,
        faults=here().platform.faults.list(),
        endpoints=ENDPOINTS,
        kinds=KINDS,
        personalities=PERSONALITIES.values(),
        scopes=GRANTED,
        courses=here().platform.courses(),
        signing_kid=here().platform.keys.kid,
        published=[key["kid"] for key in here().platform.keys.published()["keys"]],
        requests=list(here().platform.requests)[-20:][::-1],
    )


@routes.post("/")
def act() -> Response:
    """A form of that page."""
    try:
        _act(request.form.to_dict())
    except (InputRejected, ValueError) as error:
        raise Refused(422, "The sandbox cannot do that; check the numbers.") from error
    return redirect(url_for("control.page"), 303)


def _act(form: dict[str, str]) -> None:
    house, action = here(), form.get("action")
    if action == "clear":
        house.platform.faults.clear()
    elif action == "rotate":
        house.platform.keys.rotate(withdraw_old="withdraw_old" in form)
    elif action == "revoke":
        house.tokens.revoke_all()
    elif action == "be":
        house.platform.behave({"personality": form.get("personality", "")})
    elif action == "behave":
        house.platform.behave(_read_behaviour(form))
    elif action == "fault":
        facts = _read_fault(form)
        house.platform.faults.add(form.get("endpoint", ""), form.get("kind", ""), **facts)
    else:
        raise Refused(400, "There is no such action.")


def _read_fault(form: dict[str, str]) -> Json:
    whole = {name: int(form[name]) for name in ("status", "retry_after", "times") if form.get(name)}
    seconds = {"seconds": float(form["seconds"])} if form.get("seconds") else {}
    error = {"error": form["error"]} if form.get("error") else {}
    return {**whole, **seconds, **error, "after": "after" in form}


def _read_behaviour(form: dict[str, str]) -> Json:
    return {
        "clock_offset_seconds": float(form.get("clock_offset_seconds") or 0),
        "login_by": form.get("login_by", "post"),
        "score_times": form.get("score_times", "sent"),
        "registration_like": form.get("registration_like", "specification"),
        "registration_token": "registration_token" in form,
        "registration_deployment": "registration_deployment" in form,
        "storage": form.get("storage", "none"),
        "old_ids": form.get("old_ids", "none"),
        "line_item_query": "line_item_query" in form,
        "lose_cookies": "lose_cookies" in form,
        "throttles": "throttles" in form,
        "deployment": form.get("deployment", "").strip(),
        "withheld_scopes": [scope for scope in GRANTED if f"withheld {scope}" in form],
    }


def read_body() -> Json:
    """The JSON object of a request. Raises InputRejected."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise InputRejected({"body": ["Send one JSON object as application/json."]})
    return body


def _known(facts: Json) -> Json:
    """The fields of a fault; `id` is not for callers to choose."""
    if "id" in facts:
        raise InputRejected({"id": ["There is no such field."]})
    return facts
