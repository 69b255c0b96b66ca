"""Events on their way to a receiver: signed, once at a time, tried again, never lost."""

import base64
import hashlib
import hmac
import io
import json
import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine

from mentorai.core import hookimpl, webhook_events
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import Conflict
from mentorai.core.jobs import run_worker
from mentorai.core.webhook_events import note_event
from mentorai.core.webhook_reminders import remind_of_keys
from mentorai.core.webhook_sender import WebhookSender
from mentorai.lti.launch_log_rows import Sender, Visit
from mentorai.lti.tool import Tool
from mentorai.plugins import webhooks as plugin
from tests.fakes.receiver import running_receiver
from tests.fakes.visitor import open_session
from tests.rivals import lock_out

EVENTS = ("grade.settled", "dataset.trained", "key.expiring", "launch.refused")


@pytest.fixture
def engine(settings):
    engine = Engine.open(settings, plugins=[("webhooks", plugin)])
    yield engine
    engine.room(Tool).http.close()
    engine.close()


@pytest.fixture
def receiver():
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def issued(engine, mentor, receiver):
    """A webhook of the mentor's for every event, with its secret."""
    return engine.webhooks.add(
        mentor.organization_id, mentor.id, url=receiver.url, events=EVENTS, author="test"
    )


@pytest.fixture
def webhook(issued):
    return issued.webhook


@pytest.fixture
def send(engine, webhook):
    return lambda: engine.room(WebhookSender).send_due(webhook.id)


@pytest.fixture
def note(engine, mentor):
    """Something happens in the mentor."""

    def happen(number=1):
        with engine.database.write() as connection:
            note_event(
                connection,
                "dataset.trained",
                {"n": number},
                organization_id=mentor.organization_id,
                mentor_id=mentor.id,
            )

    return happen


@pytest.fixture
def deliveries(engine, webhook):
    """The webhook's deliveries, the oldest first."""
    return lambda: engine.webhooks.list_deliveries(webhook)[1][::-1]


def sign(secret, headers, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def test_event_arrives_signed_with_id_and_time(issued, note, send, receiver, deliveries):
    note()
    send()

    ((headers, body),) = receiver.taken
    assert headers["webhook-signature"] == sign(issued.secret, headers, body)
    assert abs(int(headers["webhook-timestamp"]) - now().timestamp()) < 60
    told = json.loads(body)
    assert (told["type"], told["number"], told["data"]) == ("dataset.trained", 1, {"n": 1})
    assert told["id"] == headers["webhook-id"] == deliveries()[0].id
    assert (deliveries()[0].status, deliveries()[0].answer_status) == ("sent", 204)


def test_secret_is_kept_sealed_and_shown_by_nothing(engine, issued, note):
    note()
    with engine.database.read() as connection:
        rows = str(connection.exec_driver_sql("SELECT * FROM webhooks").all())

    assert issued.secret not in rows
    assert issued.secret not in repr(issued)


def test_old_secret_signs_beside_the_new_one_for_a_while(engine, issued, note, send, receiver):
    new = engine.webhooks.rotate(issued.webhook, author="test", overlap_hours=24)
    note()
    send()
    with time_machine.travel(now() + timedelta(hours=25)):
        note()
        send()

    (during, body), (after, later) = receiver.taken
    both = {sign(one.secret, during, body) for one in (issued, new)}
    assert set(during["webhook-signature"].split()) == both
    assert after["webhook-signature"] == sign(new.secret, after, later)


def test_events_arrive_in_their_order(note, send, receiver):
    for number in range(5):
        note(number)

    assert send() == 5
    assert [json.loads(body)["data"]["n"] for _, body in receiver.taken] == [0, 1, 2, 3, 4]


def test_event_that_was_refused_comes_again_and_holds_no_other_up(note, send, receiver, deliveries):
    receiver.statuses = [500]
    note(1)
    note(2)
    send()
    first, second = deliveries()
    assert (first.status, first.answer_status, second.status) == ("waiting", 500, "sent")

    with time_machine.travel(first.due_at + timedelta(seconds=1)):
        send()

    assert receiver.ids == [first.id, second.id, first.id]
    assert deliveries()[0].status == "sent"


def test_receiver_that_asks_to_wait_is_left_alone_as_a_whole(note, send, receiver, deliveries):
    receiver.statuses, receiver.headers = [429], {"Retry-After": "600"}
    note(1)
    note(2)

    assert send() == 1
    assert send() == 0
    with time_machine.travel(now() + timedelta(seconds=610)):
        assert send() == 2


def test_two_workers_never_send_at_once(engine, webhook, note, receiver):
    inside, order = threading.Semaphore(0), []
    may_answer = threading.Event()
    receiver.before_answer = lambda: (inside.release(), may_answer.wait(30))
    note()
    sender = engine.room(WebhookSender)

    first = threading.Thread(target=lambda: order.append(sender.send_due(webhook.id)))
    first.start()
    assert inside.acquire(timeout=30)
    order.append(sender.send_due(webhook.id))
    may_answer.set()
    first.join(30)

    assert order == [0, 1]
    assert len(receiver.taken) == 1


def test_worker_that_died_while_it_sent_loses_nothing(engine, note, send, receiver, deliveries):
    def die():
        raise KeyboardInterrupt

    engine.plugins.add(Dying(die), "dying")
    note()
    with pytest.raises(KeyboardInterrupt):
        send()
    assert deliveries()[0].status == "waiting"
    assert send() == 0

    engine.room(WebhookSender)
    with time_machine.travel(now() + timedelta(seconds=61)):
        send()

    assert deliveries()[0].status == "sent"
    assert receiver.ids == [deliveries()[0].id]


class Dying:
    """A plugin in whose hands the process dies, once."""

    def __init__(self, die):
        self._die = [die]

    @hookimpl
    def push_event(self, url, headers, body):
        return self._die.pop()() if self._die else None


def test_worker_whose_lease_was_lost_settles_nothing(
    engine, webhook, note, send, receiver, deliveries
):
    """Another took over while the receiver was slow; what it finds stands."""

    def take_over():
        receiver.before_answer = lambda: None
        with time_machine.travel(now() + timedelta(seconds=61)):
            WebhookSender(engine).send_due(webhook.id)

    receiver.before_answer = take_over
    receiver.statuses = [204, 500]
    note()
    send()

    assert len(receiver.taken) == 2
    assert (deliveries()[0].status, deliveries()[0].answer_status) == ("sent", 204)


def test_webhook_that_fails_for_days_is_stopped_and_started_by_hand(
    engine, mentor, webhook, note, send, receiver, deliveries
):
    receiver.statuses = [500] * 200
    note(1)
    begin = now()
    for hours in range(0, 76, 4):
        with time_machine.travel(begin + timedelta(hours=hours)):
            send()

    where = (mentor.organization_id, mentor.id)
    stopped = engine.webhooks.get(*where, webhook.id)
    assert stopped.status == "stopped"
    assert "3 days" in stopped.stopped_reason
    assert engine.webhooks.count_stopped(*where) == 1
    assert deliveries()[0].status == "failed"
    note(2)
    assert len(deliveries()) == 1
    with pytest.raises(Conflict):
        engine.webhooks.replay(stopped, deliveries()[0].id)

    receiver.statuses = []
    started = engine.webhooks.change(stopped, {"status": "active"}, author="test")
    engine.webhooks.replay(started, deliveries()[0].id)
    send()

    assert (started.status, started.failures, started.stopped_reason) == ("active", 0, "")
    assert deliveries()[0].status == "sent"


def test_success_ends_the_count_of_failures(engine, mentor, webhook, note, send, receiver):
    receiver.statuses = [500, 204]
    note(1)
    note(2)
    send()

    kept = engine.webhooks.get(mentor.organization_id, mentor.id, webhook.id)
    assert (kept.failures, kept.failing_since) == (0, None)


def test_receiver_that_is_gone_stops_its_webhook_at_once(
    engine, mentor, webhook, note, send, receiver
):
    receiver.statuses = [410]
    note()
    send()

    assert engine.webhooks.get(mentor.organization_id, mentor.id, webhook.id).status == "stopped"


def test_replay_sends_the_same_again_under_its_own_id(
    engine, webhook, note, send, receiver, deliveries
):
    note()
    send()

    engine.webhooks.replay(webhook, deliveries()[0].id)
    send()

    assert receiver.ids[0] == receiver.ids[1]
    assert receiver.taken[0][1] == receiver.taken[1][1]


def test_redirect_is_not_followed(note, send, receiver, deliveries):
    receiver.statuses, receiver.headers = [302], {"Location": receiver.url}
    note()
    send()

    assert len(receiver.taken) == 1
    assert (deliveries()[0].status, deliveries()[0].answer_status) == ("waiting", 302)


def test_answer_that_is_too_long_is_not_read(note, send, receiver, deliveries):
    receiver.statuses, receiver.answer = [200], b"x" * 100_000
    note()
    send()

    assert (deliveries()[0].status, deliveries()[0].error_code) == (
        "waiting",
        "platform_reply_invalid",
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://10.0.0.8/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest/meta-data",
        "http://portal.example.edu/x",
        "https://localhost/x",
    ],
)
def test_private_address_is_never_called(tmp_path, settings, url):
    """Also one that was kept before it led there."""
    engine = Engine.open(
        settings.model_copy(update={"allow_loopback_platforms": False}),
        plugins=[("webhooks", plugin)],
    )
    organization = engine.organizations.get()
    webhook = engine.webhooks.add(
        organization.id, None, url=url, events=EVENTS, author="test"
    ).webhook
    engine.webhooks.test(webhook)

    engine.room(WebhookSender).send_due(webhook.id)

    (delivery,) = engine.webhooks.list_deliveries(webhook)[1]
    assert (delivery.status, delivery.error_code) == ("waiting", "platform_refused")
    engine.close()


def test_neither_body_nor_secret_nor_signature_is_logged(
    issued, note, send, receiver, capfd, engine
):
    receiver.statuses = [500]
    note(271828)
    send()

    said = capfd.readouterr()
    ((headers, _),) = receiver.taken
    for text in (issued.secret, headers["webhook-signature"], "271828", receiver.url):
        assert text not in said.err + said.out


# --- what is told -------------------------------------------------------------------------


def kinds(deliveries):
    return [each.event for each in deliveries()]


def test_settled_grade_is_told(engine, mentor, deliveries):
    session = open_session(engine, mentor, subject="s-1", name="Ada Lovelace")
    engine.report_score(
        organization_id=mentor.organization_id,
        mentor_id=mentor.id,
        person_id=session.person_id,
        resource_link_id=session.resource_link_id,
        given=8,
        maximum=10,
    )
    engine.outbox.deliver_due()

    (told,) = deliveries()
    data = json.loads(told.body)["data"]
    assert (told.event, data["sync_status"], data["score_given"]) == (
        "grade.settled",
        "not_linked",
        8,
    )
    assert "Ada" not in told.body


def test_trained_document_is_told(engine, mentor, deliveries):
    text = io.BytesIO(b"# Tides\n\nThe water falls.")
    engine.datasets.add(mentor.organization_id, mentor.id, "t.md", "text/markdown", text)

    assert kinds(deliveries) == ["dataset.trained"]
    assert json.loads(deliveries()[0].body)["data"]["training_status"] == "trained"


def test_key_that_ends_soon_is_told_once_for_each_of_its_days(engine, mentor, deliveries):
    key = engine.keys.issue(
        mentor.organization_id,
        mentor.id,
        name="report",
        scopes=["chat:write"],
        expires_at=now() + timedelta(days=20),
        author="test",
    ).key
    begin = now()
    for day in (0, 5, 7, 10, 13, 14, 19.5, 21):
        with time_machine.travel(begin + timedelta(days=day)):
            remind_of_keys(engine)
            remind_of_keys(engine)

    told = [json.loads(each.body)["data"] for each in deliveries()]
    assert [(each["key"], each["days"]) for each in told] == [(key.id, d) for d in (14, 7, 1)]


def test_refused_launch_is_told_to_its_mentor_if_the_platform_surely_sent_it(
    engine, mentor, deliveries, webhook
):
    session = open_session(engine, mentor, subject="s-1", name="Ada")
    assert session.resource_link_id
    with engine.database.read() as connection:
        link = connection.exec_driver_sql(
            "SELECT registration_id, deployment_id, lms_resource_link_id FROM resource_links"
        ).one()
    claim = "https://purl.imsglobal.org/spec/lti/claim/"
    claims = {
        f"{claim}deployment_id": link.deployment_id,
        f"{claim}resource_link": {"id": link.lms_resource_link_id},
    }
    log = engine.room(Tool).launch_log
    for is_verified in (True, False):
        sender = Sender(link.registration_id, is_verified=is_verified, claims=claims)
        log.note_refused(
            sender, code="launch_denied", reason="x", clause="", visit=Visit("7KQ2", "")
        )
    log.flush()

    (told,) = deliveries()
    assert json.loads(told.body)["data"]["code"] == "launch_denied"


def test_refusals_that_anybody_may_cause_are_told_once_a_minute(engine, organization, receiver):
    webhook = engine.webhooks.add(
        organization.id, None, url=receiver.url, events=["launch.refused"], author="test"
    ).webhook
    log = engine.room(Tool).launch_log
    with time_machine.travel(now().replace(second=5)):
        for _ in range(3):
            log.note_refused(
                Sender(issuer="x"), code="token_invalid", reason="", clause="", visit=Visit("", "")
            )
        log.flush()

    assert engine.webhooks.list_deliveries(webhook)[0] == 1


def test_webhook_hears_only_what_it_asked_for_in_its_own_mentor(engine, mentor, receiver, note):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    where = mentor.organization_id
    deaf = engine.webhooks.add(
        where, mentor.id, url=receiver.url, events=["grade.settled"], author="test"
    ).webhook
    elsewhere = engine.webhooks.add(
        where, other.id, url=receiver.url, events=EVENTS, author="test"
    ).webhook
    whole = engine.webhooks.add(where, None, url=receiver.url, events=EVENTS, author="it").webhook

    note()

    heard = [engine.webhooks.list_deliveries(each)[0] for each in (deaf, elsewhere, whole)]
    assert heard == [0, 0, 1]


def test_event_is_not_there_when_what_it_tells_of_is_not(engine, mentor, deliveries):
    def fail_after_noting():
        with engine.database.write() as connection:
            where = {"organization_id": mentor.organization_id, "mentor_id": mentor.id}
            note_event(connection, "dataset.trained", {}, **where)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_noting()

    assert deliveries() == []


def test_old_deliveries_are_forgotten_and_those_that_wait_are_kept(engine, note, send, deliveries):
    note(1)
    send()
    note(2)
    with time_machine.travel(now() + timedelta(days=31)):
        engine.room(WebhookSender).forget_old()

    assert [each.number for each in deliveries()] == [2]


def test_worker_finds_what_is_due(engine, webhook, note, receiver, deliveries):
    note()
    stop, arrived = threading.Event(), threading.Event()
    receiver.before_answer = arrived.set
    worker = threading.Thread(target=lambda: run_worker(engine, threads=1, stop=stop))
    worker.start()
    assert arrived.wait(10)
    stop.set()
    worker.join(10)

    assert deliveries()[0].status == "sent"


# --- the page for those who receive them --------------------------------------------------


@pytest.fixture
def verify():
    """The example of docs/how-to-receive-webhooks.md, as it stands there."""
    page = (Path(__file__).parents[2] / "docs" / "how-to-receive-webhooks.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "how-to-receive-webhooks.md", "exec"), names)
    return names["verify"]


def test_event_is_sent_once_though_that_cannot_be_written_down_for_a_while(
    engine, note, send, receiver, deliveries, monkeypatch
):
    note()
    receiver.before_answer = lambda: lock_out(engine.database, monkeypatch, seconds=3)
    send()
    receiver.before_answer = lambda: None
    note()
    send()

    assert [each.status for each in deliveries()] == ["sent", "sent"]
    assert receiver.ids == [each.id for each in deliveries()]


@pytest.mark.parametrize("is_seen", [True, False], ids=["by the worker", "by nobody"])
def test_event_that_waits_goes_when_the_clock_is_set_back(
    engine, webhook, note, send, receiver, is_seen
):
    receiver.statuses = [500]
    stop = threading.Event()
    worker = threading.Thread(target=lambda: run_worker(engine, threads=1, stop=stop))
    with time_machine.travel(now(), tick=True) as clock:
        note()
        if is_seen:
            worker.start()
        else:
            send()
        assert receiver.wait_for(1, seconds=20)
        clock.shift(-timedelta(hours=1))
        if not is_seen:
            worker.start()
        arrived = receiver.wait_for(2, seconds=20)
        stop.set()
        worker.join()

    assert arrived


def test_documented_example_takes_what_is_sent_and_nothing_else(
    verify, engine, issued, note, send, receiver
):
    rotated = engine.webhooks.rotate(issued.webhook, author="test")
    note()
    send()
    ((headers, body),) = receiver.taken

    assert verify(issued.secret, headers, body)
    assert verify(rotated.secret, headers, body)
    assert not verify("whsec_" + "A" * 43 + "=", headers, body)
    assert not verify(issued.secret, headers, body + b" ")
    assert not verify(issued.secret, headers | {"webhook-id": "another"}, body)
    assert not verify(issued.secret, headers | {"webhook-timestamp": "1"}, body)
    assert not verify(issued.secret, {}, body)
    with time_machine.travel(now() + timedelta(minutes=6)):
        assert not verify(issued.secret, headers, body)


def test_every_event_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "how-to-receive-webhooks.md").read_text("utf-8")

    for name in (*webhook_events.EVENTS, webhook_events.TEST):
        assert f"| `{name}` |" in page
