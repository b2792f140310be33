"""A real sender on a real store, and a wire whose answers the test gives."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from world import World, draft

from tocsin.domain.account import Account
from tocsin.domain.calendar import place_of
from tocsin.domain.parcel import Addressed
from tocsin.services.sending import Sending
from tocsin.store.tables import execution
from tocsin.telemetry.events import Event
from tocsin.webpush.answer import Answer
from tocsin.webpush.endpoint import Endpoint, PushHosts
from tocsin.workers.bells import Bells
from tocsin.workers.sender import Sender


class Wire:
    """A push client whose push service is this table: each browser's answers, one after another."""

    def __init__(self, answers: Mapping[int, list[Answer]]) -> None:
        self._answers = answers
        self._open: list[Any] = []
        self.holds_back = False
        self.silent: frozenset[int] = frozenset()
        self.sent = 0
        self.bodies: dict[int, bytes] = {}

    @property
    def in_flight(self) -> int:
        return len(self._open)

    def submit(self, endpoint: Endpoint, headers: tuple[str, ...], body: bytes, tag: Any) -> None:
        assert "Content-Encoding: aes128gcm" in headers
        number = int(endpoint.url.rpartition("/")[2])
        self.bodies[number] = body
        self.sent += 1
        self._open.append((number, tag))

    def wait(self, timeout_ms: int) -> Iterable[tuple[Any, Answer]]:  # noqa: ARG002 - a PushClient
        if self.holds_back:
            return
        answered = [one for one in self._open if one[0] not in self.silent]
        self._open = [one for one in self._open if one[0] in self.silent]
        for number, tag in answered:
            yield tag, self.answer(number)

    def answer(self, number: int) -> Answer:
        """Return the next answer that a browser's push is given."""
        answers = self._answers.get(number, [])
        return answers.pop(0) if answers else Answer(201)

    def cut_off(self) -> None:
        """Lose what is on it, with the sender that put it there."""
        self._open = []


class Listening:
    """A telemetry that remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[Event, dict[str, Any]]] = []

    def emit(self, event: Event, **facts: Any) -> None:
        self.heard.append((event, facts))


def sender(
    world: World, wire: Wire, sending: Sending | None = None, *, telemetry: Any = None
) -> Sender:
    """Return a sender that has done nothing yet."""
    clock: Any = world.clock
    return Sender(
        sending or world.sending,
        wire,
        hosts=PushHosts(),
        keyring=world.keyring,
        bells=Bells(),
        clock=clock,
        entropy=world.entropy,
        telemetry=telemetry or Listening(),
        subject="mailto:ops@example.com",
    )


def cut(world: World, owner: Account, **ordered: Any) -> int:
    """Let one execution of a task be cut; return its id.

    The order is put into the store as it is: the order desk would refuse some.
    """
    order, now_ms = replace(draft(name="Spring sale", ttl_s=60), **ordered), world.clock.now_ms()
    with world.store.write() as unit:
        place = place_of(order, before=None, now_ms=now_ms)
        unit.tasks.add([(owner.scope, order, place, now_ms)])
    world.plan()
    world.cut_all()
    return max(int(row.id) for row in world.rows(execution))


def send(world: World, owner: Account, wire: Wire, **ordered: Any) -> int:
    """Send one execution of a task as far as it goes now; return the execution's id."""
    found = cut(world, owner, **ordered)
    go_on(sender(world, wire))
    return found


def go_on(one: Sender) -> None:
    """Let a sender work until it has nothing to do."""
    while one.turn():
        pass


def addressed(world: World, execution_id: int, ordinal: int) -> Addressed:
    """Return how one recipient stands."""
    with world.store.read() as unit:
        found = unit.parcels.of_ordinal(execution_id, ordinal)
    assert found is not None
    return found
