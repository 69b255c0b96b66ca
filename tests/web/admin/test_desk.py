"""Who may open what: every page of the admin, for everyone who should not."""

import pytest

from mentorai.core.values import Role
from tests.fakes.visitor import Visitor, open_session

TABS = ("/", "/api", "/api/new", "/datasets", "/prompt", "/quizzes", "/quizzes/new", "/grades")
IT_PAGES = (
    "/setup",
    "/sign-in",
    "/mentors/new",
    "/platforms",
    "/platforms/launches",
    "/platforms/register",
    "/platforms/keys",
)


def list_rules(app, prefix):
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith(f"{prefix}.")]


def fill(rule, **values):
    filled = {name: values.get(name, "nothing") for name in rule.arguments}
    return rule.rule.replace("<", "{").replace(">", "}").format(**filled)


def test_instructor_lands_on_the_mentor(instructor, session, pages, mentor):
    page = instructor.follow(instructor.get(f"/s/{session.id}/admin/"))

    assert f"<h1>{mentor.display_name}</h1>" in page.text
    assert 'aria-haspopup="menu"' in page.text


@pytest.mark.parametrize("tab", TABS)
def test_instructor_and_campus_it_see_the_same_tabs(instructor, it_person, pages, mentor, tab):
    assert instructor.get(f"{pages}{tab}").status_code == 200
    assert it_person.get(f"/admin/mentors/{mentor.slug}{tab}").status_code == 200


@pytest.mark.parametrize("role", [Role.INSTRUCTOR, Role.ASSISTANT, Role.ADMINISTRATOR])
def test_all_staff_may_manage_the_mentor(app, engine, mentor, role):
    session = open_session(engine, mentor, role)

    page = Visitor(app).get(f"/s/{session.id}/admin/mentors/{mentor.slug}/api")

    assert page.status_code == 200


@pytest.mark.parametrize("role", [Role.LEARNER, Role.OTHER])
def test_no_page_of_the_admin_opens_for_a_student(app, engine, mentor, role):
    session = open_session(engine, mentor, role)
    student = Visitor(app)
    student.get(f"/s/{session.id}/")
    opened = []

    for rule in list_rules(app, "embedded_admin"):
        path = fill(rule, session_id=session.id, mentor=mentor.slug)
        if "GET" in rule.methods and student.get(path).status_code not in (403, 404):
            opened.append(path)
        if "POST" in rule.methods and student.post(path).status_code not in (403, 404):
            opened.append(path)

    assert opened == []


def test_student_reads_whom_the_page_is_for(app, engine, mentor):
    session = open_session(engine, mentor)

    page = Visitor(app).get(f"/s/{session.id}/admin/")

    assert page.status_code == 403
    assert "Only the teaching staff of this course" in page.text


def test_another_mentor_is_not_found_from_a_course(
    app, engine, organization, instructor, session, pages
):
    other = engine.mentors.add(organization.id, "Statistics")
    instructor.get(f"{pages}/api")
    opened = []

    for rule in list_rules(app, "embedded_admin"):
        if "mentor" not in rule.arguments:
            continue
        path = fill(rule, session_id=session.id, mentor=other.slug)
        if "GET" in rule.methods and instructor.get(path).status_code != 404:
            opened.append(path)
        if "POST" in rule.methods and instructor.post(path).status_code != 404:
            opened.append(path)

    assert opened == []


def test_pages_of_campus_it_do_not_exist_in_a_course(instructor, session):
    for path in IT_PAGES:
        assert instructor.get(f"/s/{session.id}/admin{path}").status_code == 404


def test_everything_at_admin_asks_to_sign_in(app, mentor):
    stranger = Visitor(app, binding="")
    stranger.get("/admin/sign-in")
    opened = []

    for rule in list_rules(app, "admin"):
        if rule.rule in ("/admin/setup", "/admin/sign-in"):
            continue
        path = fill(rule, mentor=mentor.slug)
        for method, send in (("GET", stranger.get), ("POST", stranger.post)):
            if method not in rule.methods:
                continue
            answer = send(path)
            place = answer.headers.get("Location", "")
            if answer.status_code != 303 or not place.startswith("/admin/sign-in"):
                opened.append((method, path, answer.status_code))

    assert opened == []


def test_every_form_needs_its_token(app, instructor, session, mentor):
    unguarded = []

    for rule in list_rules(app, "embedded_admin"):
        if "POST" not in rule.methods:
            continue
        path = fill(rule, session_id=session.id, mentor=mentor.slug)
        instructor.token = "forged"
        if instructor.post(path).status_code != 400:
            unguarded.append(path)

    assert unguarded == []


def test_session_of_another_browser_opens_no_admin(app, session, pages):
    assert Visitor(app, "c" * 64).get(f"{pages}/api").status_code == 403


def test_plugin_adds_a_tab(data_dir):
    from mentorai.core import hookimpl
    from mentorai.core.engine import Engine
    from mentorai.core.settings import Settings
    from mentorai.core.values import AdminTab
    from mentorai.web.app import create_app

    class Plugin:
        @hookimpl
        def admin_tabs(self):
            return [AdminTab("History", ".overview")]

    engine = Engine.open(Settings(data_dir=data_dir), plugins=[("history", Plugin())])
    mentor = engine.mentors.add(engine.organizations.get().id, "M")
    session = open_session(engine, mentor, Role.INSTRUCTOR)

    page = Visitor(create_app(engine)).get(f"/s/{session.id}/admin/mentors/m/api")

    engine.close()
    assert ">History</a>" in page.text


WORDS = "Answer in <b>whole</b> sentences.\nCite the readings."
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


def test_words_of_a_form_are_given_back_when_the_session_ran_out(app, engine, mentor):
    session = open_session(engine, mentor, Role.INSTRUCTOR)
    instructor = Visitor(app)
    page = f"/s/{session.id}/admin/mentors/{mentor.slug}/prompt"
    instructor.get(page)
    engine.sessions.end(session.id)

    answer = instructor.post(
        page, {"system_prompt": WORDS, "display_name": "One"}, headers=SAME_SITE
    )

    assert answer.status_code == 403
    assert "What you wrote" in answer.text
    assert "System prompt</label>" in answer.text
    assert "Answer in &lt;b&gt;whole&lt;/b&gt; sentences.\nCite the readings." in answer.text
    assert "Display name" not in answer.text


def test_words_of_a_form_are_given_back_when_campus_it_was_signed_out(app, mentor):
    fields = {"system_prompt": WORDS, "client_secret": "one two", "password": "one two"}

    page = f"/admin/mentors/{mentor.slug}/prompt"
    answer = Visitor(app, binding="").post(page, fields, headers=SAME_SITE)

    assert answer.status_code == 403
    assert "You were signed out" in answer.text
    assert "Cite the readings." in answer.text
    assert "one two" not in answer.text


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
def test_words_that_another_site_sent_are_not_shown(app, engine, mentor, site):
    session = open_session(engine, mentor, Role.INSTRUCTOR)
    engine.sessions.end(session.id)
    headers = {"Sec-Fetch-Site": site} if site else {}

    answer = Visitor(app).post(
        f"/s/{session.id}/admin/mentors/{mentor.slug}/prompt",
        {"system_prompt": WORDS},
        headers=headers,
    )

    assert answer.status_code == 403
    assert "Cite the readings" not in answer.text
