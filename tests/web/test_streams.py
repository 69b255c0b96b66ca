import threading
from collections.abc import Iterator

from mentorai.core.values import DoneEvent, ErrorEvent, Event, StartEvent, TokenEvent
from mentorai.web.streams import AHEAD, collect_events, stream_events


class Events:
    """A turn's events, and whether they were closed."""

    def __init__(self, *events: Event | Exception) -> None:
        self._left = list(events)
        self.given = 0
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        if not self._left:
            raise StopIteration
        event = self._left.pop(0)
        self.given += 1
        if isinstance(event, Exception):
            raise event
        return event

    def close(self) -> None:
        self.closed.set()


def nowhere(_) -> str:
    return ""


START = StartEvent("conversation", "turn")


def test_stream_gives_each_event_a_frame_of_its_own():
    events = Events(START, TokenEvent("a\nb"), DoneEvent({"tokens": 2}))

    frames = list(stream_events(events, nowhere).response)

    assert frames == [
        b'event: start\ndata: {"session_id":"conversation","turn_id":"turn"}\n\n',
        b'event: token\ndata: {"data":"a\\nb"}\n\n',
        b'event: done\ndata: {"eos":true,"usage":{"tokens":2}}\n\n',
    ]
    assert events.closed.is_set()


def test_events_are_closed_when_nobody_read_the_stream():
    events = Events(START)
    response = stream_events(events, nowhere)

    response.close()

    assert events.closed.is_set()
    assert events.given == 0


def test_events_are_closed_soon_when_the_reader_left():
    events = Events(START, *(TokenEvent(str(n)) for n in range(1000)))
    response = stream_events(events, nowhere)
    next(iter(response.response))

    response.close()

    assert events.closed.wait(30)
    assert events.given <= AHEAD + 4


def test_events_are_drawn_no_further_ahead_than_a_little():
    events = Events(START, *(TokenEvent(str(n)) for n in range(1000)))
    response = stream_events(events, nowhere)
    next(iter(response.response))

    threading.Event().wait(0.2)

    assert events.given <= AHEAD + 3
    response.close()
    assert events.closed.wait(30)


def test_stream_that_fails_ends_with_an_event_that_tells_nothing_private():
    events = Events(START, RuntimeError("the password is hunter2"))

    frames = b"".join(stream_events(events, nowhere).response)

    assert b"event: error" in frames
    assert b"internal_error" in frames
    assert b"hunter2" not in frames


def test_collected_turn_has_its_whole_reply():
    turn = collect_events(iter([START, TokenEvent("a"), TokenEvent("b"), DoneEvent()]), nowhere)

    assert (turn["session_id"], turn["reply"], turn["eos"]) == ("conversation", "ab", True)


def test_collected_turn_that_broke_off_has_its_code():
    turn = collect_events(iter([START, ErrorEvent("model_unavailable", "Gone.")]), nowhere)

    assert (turn["code"], turn["eos"]) == ("model_unavailable", False)
