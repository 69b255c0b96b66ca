"""Beyond the guide: what browsers do. Again, elsewhere, at once, back, and without cookies."""

import re
from collections.abc import Sequence

from mentorai.core.errors import (
    LaunchRejected,
    NonceReused,
    PlatformDeclined,
    SessionRejected,
    StateMismatch,
)
from mentorai.plugins.sandbox.certification.browser import Browser, Form, read_text
from mentorai.plugins.sandbox.certification.case import SECURITY, Case, Failed, Run, expect
from mentorai.plugins.sandbox.certification.stage import Attempt, Stage

STATE = f"{SECURITY}5.1.1"
NONCE = f"{SECURITY}5.1.3, step 9"
OIDC = "OpenID Connect Core 1.0, section "
WAY_ON = re.compile(r'"(/lti/continue\?code=[^"]+)"')
LOGIN_REQUIRED = {"error": "login_required", "error_description": "<b>secret</b>", "id_token": ""}


def _refuse_replay(stage: Stage) -> str:
    attempt = stage.begin()
    token = attempt.sign()
    stage.read_admission(attempt, attempt.post(token))
    before = stage.count()
    elsewhere = attempt.post(token, browser=stage.browser())
    code = stage.read_refusal(elsewhere, NonceReused)
    expect(stage.count() == before, "the replay left rows")
    return f"{elsewhere.status_code} {code} to whoever has not its session"


def _refuse_reused_nonce(stage: Stage) -> str:
    attempt = stage.begin()
    attempt.finish()
    before = stage.count()
    other = attempt.sign(sub=f"{attempt.subject}-other")
    code = stage.read_refusal(attempt.post(other), NonceReused)
    expect(stage.count() == before, "the second token left rows")
    return f"the other token 400 {code}"


def _refuse_other_browser(stage: Stage) -> str:
    """A stranger who has a launch of their own brings somebody else's to its end."""
    stranger = stage.begin()
    attempt = stage.begin()
    before = stage.count()
    token = attempt.sign()
    answer = attempt.post(token, browser=stranger.browser)
    code = stage.read_refusal(answer, StateMismatch)
    expect(stage.count() == before, "the other browser left rows")
    stage.read_admission(attempt, attempt.post(token))
    return f"elsewhere {answer.status_code} {code}; in its own browser let in"


def _refuse_swapped(stage: Stage) -> str:
    first = stage.begin()
    second = stage.begin(browser=first.browser)
    token = first.sign(nonce=second.claims["nonce"])
    seen = stage.refuse(first, token, StateMismatch)
    second.finish()
    return seen


def _refuse_made_up_state(stage: Stage) -> str:
    attempt = stage.begin()
    return stage.refuse(attempt, attempt.sign(), StateMismatch, fields={"state": "state-made-up"})


def _refuse_missing_state(stage: Stage) -> str:
    attempt = stage.begin()
    return stage.refuse(attempt, attempt.sign(), StateMismatch, fields={"state": ""})


def _explain_decline(stage: Stage) -> str:
    attempt = stage.begin()
    before = stage.count()
    answer = attempt.post("", fields=LOGIN_REQUIRED)
    code = stage.read_refusal(answer, PlatformDeclined)
    said = read_text(answer)
    expect("id_token" not in said, "the page speaks of a missing token")
    expect("<b>secret" not in answer.text, "the page repeats what was sent")
    expect(stage.count() == before, "rows were left")
    attempt.finish()
    return f"{answer.status_code} {code}; the same ticket then opened with a good token"


def _admit_two_tabs(stage: Stage) -> str:
    """Both launches are under way at once in one browser, and end in the other order."""
    first = stage.begin()
    second = stage.begin(browser=first.browser)
    both = [second.finish(), first.finish()]
    for admitted in both:
        page = first.browser.get(admitted.page.url)
        expect(page.status_code == 200, f"a tab's session answered {page.status_code}")
    expect(both[0].session.id != both[1].session.id, "the tabs share a session")
    return "both let in, each session goes on working"


def _admit_two_frames(stage: Stage) -> str:
    """Two frames begin before the browser has any cookie; it keeps what both answers set."""
    first, second = stage.begin(), stage.begin()
    for cookie in second.browser.session.cookies:
        first.browser.session.cookies.set_cookie(cookie)
    together = Attempt(stage, first.browser, second.registration, second.state, second.claims)
    together.finish()
    first.finish()
    return "both let in"


def _lead_back(stage: Stage) -> str:
    """Reload posts the form again; its browser is led to the session that it has."""
    attempt = stage.begin()
    token = attempt.sign()
    admitted = stage.read_admission(attempt, attempt.post(token))
    before = stage.count()
    again = stage.read_admission(attempt, attempt.post(token))
    expect(again.session.id == admitted.session.id, "the reload led to another session")
    expect(stage.count() == before, "the reload left rows")
    return "led to the session that it has; nothing opened twice"


def _admit_after_back(stage: Stage) -> str:
    """Back to the course page, and the activity is opened once more."""
    first = stage.begin()
    before = first.finish()
    second = stage.begin(browser=first.browser, subject=first.subject)
    after = second.finish()
    expect(before.person.id == after.person.id, "the second launch made another person")
    page = first.browser.get(before.page.url)
    expect(page.status_code == 200, f"the first session answered {page.status_code} afterwards")
    return "let in again as the same person"


def _offer_a_way_on(stage: Stage) -> str:
    """A browser that keeps no cookie in the frame gets in by a step of its own, once."""
    attempt = stage.begin()
    bare, tab, other = stage.browser(), stage.browser(), stage.browser()
    answer = attempt.post(attempt.sign(), browser=bare)
    expect(answer.status_code == 200, f"{answer.status_code} {read_text(answer)}")
    link = WAY_ON.search(answer.text)
    if link is None:
        raise Failed(f"the page shows no way on: {read_text(answer)}")
    url = f"{stage.tool_url}{link[1].replace('&amp;', '&')}"
    page = tab.get(url)
    expect(page.status_code == 200, f"the new tab got {page.status_code}")
    again = other.get(url)
    expect(again.status_code >= 400, f"the link worked twice: {again.status_code}")
    for name, browser in (("frame", bare), ("other tab", other)):
        found = browser.get(page.url)
        expect(found.status_code == 403, f"the {name} opened the session: {found.status_code}")
    return "a new tab let in, once; the frame and others are not"


def _refuse_session_of_others(stage: Stage) -> str:
    attempt = stage.begin()
    admitted = attempt.finish()
    with Browser() as stranger:
        answer = stranger.get(admitted.page.url)
    expect(answer.status_code == 403, f"a stranger got {answer.status_code}")
    expect(SessionRejected.code in answer.text, "the page has no code")
    return f"403 {SessionRejected.code}"


def _look_harmlessly(stage: Stage) -> str:
    """Some platforms GET the launch URL when a teacher saves an activity."""
    before = stage.count()
    browser = stage.browser()
    answer = browser.get(stage.launch_url)
    expect(answer.status_code == 200, f"GET answered {answer.status_code}")
    empty = browser.submit(Form(stage.launch_url, "post", {}))
    code = stage.read_refusal(empty, LaunchRejected)
    expect(stage.count() == before, "rows were left")
    return f"200 to GET, {empty.status_code} {code} to an empty form"


def _begin_by_get(stage: Stage) -> str:
    """A login initiation may come by GET as well as by POST."""
    browser = stage.browser()
    place = stage.find_place("tidal-pools", "tides-mentor")
    form = stage.find_login(stage.registration, *place)
    asked = Form(form.url, "get", form.fields)
    answer = browser.submit(asked, allow_redirects=False)
    leads_on = answer.headers.get("Location", "").startswith(stage.registration.auth_url)
    expect(answer.status_code in (302, 303) and leads_on, f"GET answered {answer.status_code}")
    return f"{answer.status_code} to the platform"


def _case(number: str, name: str, clause: str, sent: str, expected: str, run: Run) -> Case:
    return Case(f"X{number}", name, clause, sent, expected, run)


CASES: Sequence[Case] = (
    _case("20", "replay", NONCE, "the same form, from another browser", "refused",
          _refuse_replay),
    _case("21", "nonce used by another token", NONCE, "another person's token, the same nonce",
          "refused", _refuse_reused_nonce),
    _case("22", "state from another browser", STATE, "the form, from a browser that did not begin",
          "refused there, good in its own", _refuse_other_browser),
    _case("23", "nonce and state swapped", STATE, "one launch's state, another's nonce",
          "refused, both stay good", _refuse_swapped),
    _case("24", "made-up state", STATE, "a state that was never given out",
          "refused, nothing used up", _refuse_made_up_state),
    _case("24.none", "no state", STATE, "a form without state", "refused, nothing used up",
          _refuse_missing_state),
    _case("25", "login_required", f"{OIDC}3.1.2.6", "an error of the platform in place of a token",
          "explained, not reported as a missing token", _explain_decline),
    _case("26", "parallel launches in two tabs", STATE, "two launches at once", "both let in",
          _admit_two_tabs),
    _case("26.frames", "parallel launches in a new browser", STATE,
          "two launches at once before there was a cookie", "both let in", _admit_two_frames),
    _case("27", "reload", NONCE, "the form again, after it was taken",
          "led to the session that it has", _lead_back),
    _case("28", "back button", STATE, "the activity opened again", "let in as the same person",
          _admit_after_back),
    _case("29", "no cookies in the frame", STATE, "the form, from a browser that shows nothing",
          "a way on that works once", _offer_a_way_on),
    _case("30", "another's session", STATE, "the session's address, from elsewhere", "refused",
          _refuse_session_of_others),
    _case("31", "a look at the launch address", f"{SECURITY}5.1.2", "GET, and an empty form",
          "harmless", _look_harmlessly),
    _case("32", "login by GET", f"{SECURITY}5.1.1.1", "a login initiation by GET",
          "sent on to the platform", _begin_by_get),
)  # fmt: skip
