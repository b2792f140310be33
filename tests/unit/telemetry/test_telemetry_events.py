"""Log lines and metrics: only what is on the list is ever written."""

import io
import json

import pytest

from tocsin.telemetry.events import _FACTS, Event, Telemetry, where

CANARY = "canary-secret"


def telemetry(log_format: str = "json") -> tuple[Telemetry, io.StringIO]:
    stream = io.StringIO()
    return Telemetry(log_format=log_format, stream=stream), stream


def test_a_line_is_json_with_its_facts() -> None:
    told, stream = telemetry()

    told.emit(Event.CUT, execution=7, shard=0, recipients=12)

    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "cut", "level": "info", "execution": 7, "shard": 0, "recipients": 12}


def test_every_event_says_which_facts_it_carries() -> None:
    assert _FACTS.keys() == set(Event)


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("event", Event, ids=lambda event: event.value)
@pytest.mark.parametrize(
    "fact", ["endpoint", "token", "p256dh", "auth", "key", "body", "url", "exc_info", "stack_info"]
)
def test_a_fact_that_is_not_on_the_list_is_refused(
    event: Event, fact: str, log_format: str
) -> None:
    told, stream = telemetry(log_format)

    with pytest.raises(ValueError, match=f"^{event.value} does not carry {fact}$") as raised:
        told.emit(event, **{fact: CANARY})

    assert CANARY not in str(raised.value)
    assert stream.getvalue() == ""
    assert f'event="{event.value}"'.encode() not in told.exposition({})


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_line_end_in_a_fact_makes_no_second_line(log_format: str) -> None:
    told, stream = telemetry(log_format)

    told.emit(Event.REQUEST, method="GET\n2026-01-01 forged", route="/", status=200)

    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (Event.PLANNED, "info"),
        (Event.LEASE_LOST, "warning"),
        (Event.PARCEL_PARKED, "warning"),
        (Event.KEY_REFUSED, "warning"),
        (Event.PROCESS_ENDED, "warning"),
        (Event.PROCESS_NOT_STARTED, "warning"),
        (Event.LOOP_FAILED, "error"),
        (Event.REQUEST_FAILED, "error"),
    ],
)
def test_the_level_of_an_event(event: Event, level: str) -> None:
    told, stream = telemetry()

    told.emit(event)

    assert json.loads(stream.getvalue())["level"] == level


def test_events_and_live_recipients_are_counted() -> None:
    told, stream = telemetry()

    told.emit(Event.PLANNED, started=1, missed=0)
    told.emit(Event.PLANNED, started=2, missed=0)

    assert len(stream.getvalue().splitlines()) == 2
    assert b'tocsin_live_recipients{outcome="pending"} 7.0' in told.exposition({"pending": 7})
    exposed = told.exposition({"pending": 0})
    assert b'tocsin_live_recipients{outcome="pending"} 0.0' in exposed
    assert b'tocsin_events_total{event="planned"} 2.0' in exposed


def test_refused_keys_are_shown() -> None:
    told, _ = telemetry()

    assert b"tocsin_refused_keys 2.0" in told.exposition({}, refused_keys=2)
    assert b"tocsin_refused_keys 0.0" in told.exposition({})


def test_no_work_stops_for_want_of_a_log() -> None:
    class FullDisk(io.StringIO):
        def write(self, _text: str, /) -> int:
            raise OSError(28, "No space left on device")

    told = Telemetry(log_format="json", stream=FullDisk())

    told.emit(Event.PLANNED, started=1)
    told.emit(Event.LOOP_FAILED, loop="planner")

    assert b"tocsin_log_lines_lost_total 2.0" in told.exposition({})
    assert b'tocsin_events_total{event="planned"} 1.0' in told.exposition({})


def test_where_an_error_was_raised_is_told_without_its_values() -> None:
    def fall(endpoint: str) -> None:
        raise ValueError(endpoint)

    try:
        fall(CANARY)
    except ValueError as error:
        place = where(error)

    assert place.startswith("test_telemetry_events.py:")
    assert place.endswith(" fall")
    assert where(ValueError(CANARY)) == "?"
