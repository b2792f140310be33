"""An audience drawn by a seed: its people, what happens to them, and targetings of all sorts."""

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from naive_targeting import Names
from naming import group, hosts, new_segment
from world import World, enrolment

from tocsin.domain.account import Account
from tocsin.domain.criteria import DAY_MS
from tocsin.domain.subscription import Subscriber

SHARD: Final = 1 << 20
HOSTS: Final = ["example.com", "www.example.com", "a.www.example.com", "Shop.Example.org"]
PATTERNS: Final = ["*.example.com", "*.www.example.com", "*.com", "*.ORG", "*.nowhere.test"]
DATA: Final[Mapping[str, list[Any]]] = {
    "plan": ["gold", "free", None, ["gold", "late"], []],
    "seats": [0, 1, 12, "12", 1.5, -0.0, 1e30],
    "vip": [True, False, "true", ["true", 1], None],
    "a.b": ["", "ž", "'; --", "null", ["x"] * 3],
}
# What may be known of a person, by the names of Attributes.
KNOWN: Final[Mapping[str, list[Any]]] = {
    "host": [*HOSTS, None],
    "country": ["RS", "CA", "BR", None],
    "region": ["792680", "3451189", None],
    "language": ["en", "en-GB", "pt", "pt-BR", "sr-Latn-RS", None],
    "time_zone": ["Europe/Belgrade", "America/Sao_Paulo", None],
    "browser": [1, 2, 12, None],
    "os": [4, 12, None],
    "remote_user_id": ["u1", "U1", "žika", "7", None],
}
ITEMS: Final[Mapping[str, list[str]]] = {
    "applications": [*HOSTS, *PATTERNS],
    "browsers": ["1", "2", "12", "99"],
    "countries": ["RS", "ca", "BR", "FR"],
    "languages": ["en", "EN-gb", "pt", "pt-BR", "sr", "sr-Latn-RS", "de"],
    "os": ["4", "12", "99"],
    "regions": ["792680", "3451189", "1"],
    "remote_users": ["u1", "U1", "žika", "7", "nobody"],
}
TEXTS: Final[Mapping[str, list[str]]] = {
    "plan": ["gold", "late", "Gold", "null"],
    "seats": ["0", "12", "1.5", "-0.0", "1e+30"],
    "vip": ["true", "false", "1"],
    "a.b": ["", "ž", "'; --", "x", "null"],
    "unheard-of": ["gold"],
}


class DrawnAudience:
    """A tenant with a child, whose people lie in three shards and come, change and go."""

    def __init__(self, world: World, seed: int, *, people: int) -> None:
        """people: of browsers that ever register; they are drawn again and again."""
        self.world = world
        self.draw = random.Random(seed)
        self.root = world.account()
        self.child = world.account(self.root)
        own = [f"https://{host.lower()}" for host in HOSTS]
        self.sites = [world.container(self.root, *own), world.container(self.root, own[0])]
        self.sites.append(world.container(self.child, *own))
        self._browsers = people
        self._groups: dict[Account, dict[str, list[int]]] = {self.root: {}, self.child: {}}
        self._hosts: dict[Account, dict[str, list[str]]] = {self.root: {}, self.child: {}}
        self._segments: dict[Account, dict[str, dict[str, Any]]] = {self.root: {}, self.child: {}}
        self._name()
        # Half are in the first shard, the rest on both sides of the next one's beginning.
        for first, number in ((0, people // 2), (SHARD - people // 4, people // 2)):
            world.set_next_ordinal(self.root, first)
            for _ in range(number):
                self.register()

    def _name(self) -> None:
        """Make groups, and segments of them and of each other."""
        for owner in (self.root, self.child):
            for _ in range(2):
                sites = self.draw.sample(self.sites, self.draw.randrange(3))
                made = group(self.world, owner, *sites)
                self._groups[owner][made] = [site.id for site in sites]
                members = self.draw.sample(HOSTS, self.draw.randrange(3))
                made = hosts(self.world, owner, *members)
                self._hosts[owner][made] = members
            for _ in range(4):
                value = self.targeting(owner, most=3)
                active = self.draw.random() < 0.8
                made = new_segment(self.world, owner, value, active=active)
                if active:
                    self._segments[owner][made] = value

    def names(self, owner: Account) -> Names:
        """Return what ids stand for to an account: the child sees its own alone."""
        seen = [self.root, self.child] if owner is self.root else [self.child]
        return Names(
            segments={id_: value for one in seen for id_, value in self._segments[one].items()},
            groups={id_: of for one in seen for id_, of in self._groups[one].items()},
            application_groups={id_: of for one in seen for id_, of in self._hosts[one].items()},
        )

    # -- what happens ------------------------------------------------------------------------

    def happen(self) -> None:
        """Let one thing happen, drawn."""
        every: list[Callable[[], object]] = [
            *[self.register] * 4,
            *[self.move, self.edit, self.set_data, self.leave, self.unsubscribe, self.bounce],
            *[self.erase, self.world.indexing.fold],
            lambda: self.world.clock.forward(self.draw.choice([1, DAY_MS // 3, DAY_MS])),
        ]
        self.draw.choice(every)()

    def everybody(self) -> list[Subscriber]:
        """Return all who are there, active or not."""
        with self.world.store.read() as unit:
            return unit.subscribers.after(self.root.scope, -1, limit=10 * self._browsers)

    def somebody(self) -> Subscriber:
        return self.draw.choice(self.everybody())

    def register(self) -> None:
        """Let somebody register, new or again, with some of what may be known."""
        known = {
            name: self.draw.choice(values)
            for name, values in KNOWN.items()
            if self.draw.random() < 0.7
        }
        if self.draw.random() < 0.7:
            known["user_data"] = self.data()
        if self.draw.random() < 0.3:
            at_ms = self.world.clock.now_ms() - self.draw.randrange(-DAY_MS, 4 * DAY_MS)
            known["subscribed_ms"] = at_ms
        active = self.draw.random() < 0.9
        number = self.draw.randrange(self._browsers)
        site = self.draw.choice(self.sites)
        self.world.register(enrolment(site, number, active=active, **known))

    def data(self) -> dict[str, Any]:
        keys = self.draw.sample(list(DATA), self.draw.randrange(len(DATA)))
        return {key: self.draw.choice(DATA[key]) for key in keys}

    def move(self) -> None:
        """Let a browser register in place of another."""
        old, new = self.draw.sample(range(self._browsers), 2)
        self.world.register(enrolment(self.draw.choice(self.sites), new, previous=old))

    def edit(self) -> None:
        name = self.draw.choice(list(KNOWN))
        changes = {name: self.draw.choice(KNOWN[name])}
        self.world.people.change(self.root.scope, self.somebody().id, changes)

    def _some_ids(self) -> list[int]:
        return [self.somebody().id for _ in range(self.draw.randrange(1, 6))]

    def set_data(self) -> None:
        now_ms = self.world.clock.now_ms()
        self.world.people.set_custom_data(
            self.root.scope, self._some_ids(), self.data(), now_ms=now_ms
        )

    def unsubscribe(self) -> None:
        now_ms = self.world.clock.now_ms()
        self.world.people.unsubscribe(self.root.scope, self._some_ids(), now_ms=now_ms)

    def leave(self) -> None:
        one = self.somebody()
        site = next(site for site in self.sites if site.id == one.attributes.container_id)
        self.world.subscribers.leave(site, one.id, self.world.keyring.subscriber_secret(one.id))

    def bounce(self) -> None:
        """Let a push service say that somebody is gone."""
        one = self.somebody()
        with self.world.store.write() as unit:
            gone = [(one.ordinal, one.subscription.generation)]
            self.world.sending._retire(unit, self.root.id, gone)

    def erase(self) -> None:
        self.world.people.erase(self.root.scope, self.somebody().id)

    # -- targetings --------------------------------------------------------------------------

    def targeting(self, owner: Account, *, most: int = 15) -> dict[str, Any]:
        """Return a targeting of up to *most* criteria in any order, custom data being one."""
        criteria: dict[str, Callable[[], Any]] = {
            name: lambda items=items: self._criterion(items)
            for name, items in (ITEMS | self._ids()).items()
        }
        names = self.names(owner)
        for name in ("application_groups", "groups", "segments"):
            there = list(getattr(names, name))
            criteria[name] = lambda there=there: self._naming(there)
        criteria["user_data"] = self._user_data
        criteria["subscribed_age"] = self._age
        count = self.draw.choice([1, 2, self.draw.randint(0, most)])
        drawn = self.draw.sample(list(criteria), count)
        return {name: criteria[name]() for name in drawn}

    def _ids(self) -> dict[str, list[str]]:
        people = self.everybody() if self.draw.random() < 0.1 else []
        return {
            "accounts": [str(self.root.id), str(self.child.id), "999"],
            "apps": [*(str(site.id) for site in self.sites), "999"],
            "users": [*(str(one.id) for one in people), "0", str(2**64 - 1)],
        }

    def _criterion(self, items: list[str]) -> dict[str, Any]:
        count = self.draw.randint(1, len(items))
        return {
            "op": self.draw.choice(["include", "include", "exclude"]),
            "items": self.draw.sample(items, count),
        }

    def _naming(self, there: list[str]) -> dict[str, Any]:
        """Return a criterion of what may be missing: an exclude names what is there alone."""
        drawn = self._criterion([*there, "999"])
        is_vain = drawn["op"] == "exclude" and "999" in drawn["items"]
        return drawn | {"op": "include"} if is_vain else drawn

    def _user_data(self) -> dict[str, Any]:
        keys = self.draw.sample(list(TEXTS), self.draw.randint(1, len(TEXTS)))
        return {key: self._criterion(TEXTS[key]) for key in keys}

    def _age(self) -> dict[str, int]:
        first = self.draw.randrange(4)
        both = {"from": first, "to": first + self.draw.randrange(3)}
        return {end: both[end] for end in self.draw.choice([["from"], ["to"], ["from", "to"]])}
