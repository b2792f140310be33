"""The closed list of events: what each is called, which facts it may carry, what it counts.

Only the facts named here reach a log line, so an endpoint, a key or a token cannot slip into
one by way of a new keyword.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class Event(Enum):
    """Everything that is worth a line or a number."""

    STARTED = "started"
    STOPPING = "stopping"
    STOPPED = "stopped"
    PROCESS_ENDED = "process_ended"
    PROCESS_NOT_STARTED = "process_not_started"
    LOOP_FAILED = "loop_failed"
    THREAD_FAILED = "thread_failed"
    REQUEST = "request"
    REQUEST_FAILED = "request_failed"
    PLANNED = "planned"
    CUT = "cut"
    RETIMED = "retimed"
    INDEX_MENDED = "index_mended"
    EXECUTIONS_CLOSED = "executions_closed"
    LEASE_LOST = "lease_lost"
    PARCEL_PARKED = "parcel_parked"
    KEY_REFUSED = "key_refused"
    GEOIP_REFUSED = "geoip_refused"
    ZONE_RESTING = "zone_resting"


_FACTS: Final[Mapping[Event, frozenset[str]]] = {
    Event.STARTED: frozenset({"role", "address", "version"}),
    Event.STOPPING: frozenset({"role"}),
    Event.STOPPED: frozenset({"role"}),
    Event.PROCESS_ENDED: frozenset({"role", "code", "again_in_s"}),
    Event.PROCESS_NOT_STARTED: frozenset({"role", "error", "again_in_s"}),
    Event.LOOP_FAILED: frozenset({"loop", "error", "again_in_s", "where", "reason"}),
    Event.THREAD_FAILED: frozenset({"thread", "error", "where"}),
    Event.REQUEST: frozenset({"method", "route", "status", "ms", "trace_id", "account"}),
    Event.REQUEST_FAILED: frozenset({"error", "where", "trace_id"}),
    Event.PLANNED: frozenset({"started", "missed"}),
    Event.CUT: frozenset({"execution", "shard", "recipients"}),
    Event.INDEX_MENDED: frozenset({"root", "shard"}),
    Event.RETIMED: frozenset({"execution", "before", "now", "moved"}),
    Event.EXECUTIONS_CLOSED: frozenset({"count"}),
    Event.LEASE_LOST: frozenset({"parcel", "execution"}),
    Event.PARCEL_PARKED: frozenset({"parcel", "execution"}),
    Event.KEY_REFUSED: frozenset({"container", "origin", "status"}),
    Event.GEOIP_REFUSED: frozenset({"reason"}),
    Event.ZONE_RESTING: frozenset({"zone", "reason"}),
}
_ERRORS: Final = (Event.LOOP_FAILED, Event.REQUEST_FAILED, Event.THREAD_FAILED)
_WARNINGS: Final = (
    Event.GEOIP_REFUSED,
    Event.INDEX_MENDED,
    Event.KEY_REFUSED,
    Event.LEASE_LOST,
    Event.PARCEL_PARKED,
    Event.PROCESS_ENDED,
    Event.PROCESS_NOT_STARTED,
    Event.ZONE_RESTING,
)


class Telemetry:
    """Turns events into log lines and metrics. Safe to use from several threads."""

    def __init__(self, *, log_format: str, stream: TextIO) -> None:
        renderer: structlog.typing.Processor = (
            structlog.processors.JSONRenderer()
            if log_format == "json"
            else structlog.dev.ConsoleRenderer(colors=stream.isatty())
        )
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(stream),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                renderer,
            ],
        )
        self.registry = CollectorRegistry()
        self._events = Counter(
            "tocsin_events", "Events of this process", ["event"], registry=self.registry
        )
        self._lost = Counter(
            "tocsin_log_lines_lost", "Lines that could not be written", registry=self.registry
        )
        self._live = Gauge(
            "tocsin_live_recipients",
            "Recipients of executions that are not over, by outcome",
            ["outcome"],
            registry=self.registry,
        )
        self._refused = Gauge(
            "tocsin_refused_keys",
            "VAPID keys that a push service refuses, each counted once per push service",
            registry=self.registry,
        )

    def emit(self, event: Event, **facts: object) -> None:
        """Write one line, and count. Raises ValueError for a fact that the event may not carry.

        A line that cannot be written is counted as lost: no work stops for want of a log.
        """
        strange = facts.keys() - _FACTS[event]
        if strange:
            raise ValueError(f"{event.value} does not carry {', '.join(sorted(strange))}")
        self._events.labels(event.value).inc()
        try:
            if event in _ERRORS:
                self._log.error(event.value, **facts)
            elif event in _WARNINGS:
                self._log.warning(event.value, **facts)
            else:
                self._log.info(event.value, **facts)
        except OSError:  # a full disk, or nobody at the other end of the pipe
            self._lost.inc()

    def exposition(self, live: Mapping[str, int], *, refused_keys: int = 0) -> bytes:
        """Return the metrics in the text format of Prometheus.

        live: recipients of executions that are not over, by outcome. refused_keys: how many are,
        by push service. Both of all processes, from the database; the rest is of this process.
        """
        self._refused.set(refused_keys)
        for outcome, count in live.items():
            self._live.labels(outcome).set(count)
        return generate_latest(self.registry)


def where(error: BaseException) -> str:
    """Return the place in the code where *error* was raised: file, line and function, no values."""
    trace = error.__traceback__
    place = "?"
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
    return place
