"""How long a token is taken for what it was."""

import itertools

import pytest
from starlette.requests import Request

from doubles import FakeClock
from loops import run
from tocsin.domain.account import Account, Credential
from tocsin.domain.errors import Unauthorized
from tocsin.web import callers
from tocsin.web.callers import KNOWN_FOR_MS, Callers


class Book:
    """Tokens by name, and how often somebody looked."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.looks: list[str] = []
        self.until_ms: dict[str, int | None] = {"good": None}
        self.takes_ms = 0

    def authenticate(self, token: str) -> Credential:
        self.looks.append(token)
        found = token in self.until_ms
        self.clock.forward(self.takes_ms)
        if not found:
            raise Unauthorized("no such token")
        account = Account(id=len(token), root_id=1, name="main")
        return Credential(1, account, token, ("read",), None, self.until_ms.get(token), None)


class House:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.book = Book(self.clock)
        self.callers = Callers(self.book, clock=self.clock)

    def recognise(self, token: str = "good") -> str:  # noqa: S107 - made up
        scope = {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}
        return run(self.callers.recognise(Request(scope))).name


def test_a_good_token_is_looked_up_twice_a_second() -> None:
    house = House()

    for _ in range(10):
        for _ in range(50):
            assert house.recognise() == "good"
        house.clock.forward(KNOWN_FOR_MS // 5)

    assert len(house.book.looks) == 2


def test_a_revoked_one_is_refused_when_half_a_second_is_over() -> None:
    house = House()
    house.recognise()
    del house.book.until_ms["good"]

    house.clock.forward(KNOWN_FOR_MS - 1)
    assert house.recognise() == "good"
    house.clock.forward(1)
    with pytest.raises(Unauthorized):
        house.recognise()


def test_the_half_second_begins_with_the_look() -> None:
    """A revocation that comes while somebody looks is not slept over for longer."""
    house = House()
    house.book.takes_ms = KNOWN_FOR_MS

    house.recognise()
    house.recognise()

    assert len(house.book.looks) == 2


def test_a_token_whose_time_ends_meanwhile_is_looked_up() -> None:
    house = House()
    house.book.until_ms["short"] = house.clock.now_ms() + 10
    house.recognise("short")

    house.clock.forward(10)
    del house.book.until_ms["short"]

    with pytest.raises(Unauthorized):
        house.recognise("short")


def test_what_is_not_good_is_looked_up_every_time() -> None:
    house = House()

    for _ in range(3):
        with pytest.raises(Unauthorized):
            house.recognise("bad")
    house.book.until_ms["bad"] = None

    assert house.recognise("bad") == "bad"
    assert len(house.book.looks) == 4


def test_no_more_tokens_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callers, "MOST_KNOWN", 3)
    house = House()
    house.book.until_ms |= {f"t{number}": None for number in range(9)}

    for number in range(9):
        house.recognise(f"t{number}")
    assert len(house.callers._known) == 3
    for number in itertools.chain(range(6, 9), range(6)):
        house.recognise(f"t{number}")

    assert house.book.looks == [f"t{number}" for number in [*range(9), *range(6)]]
