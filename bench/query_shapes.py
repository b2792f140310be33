"""Targetings of every kind for an audience of bench/population.py, as the API takes them.

Nine shapes, from one person to all fifteen criteria at once, and everyone. And what they name:
segments, groups of containers and groups of hosts.
"""
# ruff: noqa: INP001 - beside a script

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from population import INTERESTS, PLANS, SITES, Country, countries, site_hosts

from tocsin.domain.dictionaries import BROWSERS, COUNTRIES, LANGUAGES, OPERATING_SYSTEMS

Body: TypeAlias = dict[str, Any]

MANY: Final = 10_000
"""As many users and remote_users as a targeting takes."""

GROUPS: Final[Mapping[str, Sequence[int]]] = {"large": (0, 1, 2, 3, 4, 5), "small": (9, 10, 11)}
"""Groups of containers, by their places in SITES."""

APPLICATION_GROUPS: Final[Mapping[str, Sequence[str]]] = {
    "games": [host for site in range(4) for host in site_hosts(site) if ".games." in host],
    "help": [host for site in range(12) for host in site_hosts(site) if host.startswith("help.")],
}


def include(*items: object) -> Body:
    """Return a criterion that wants one of *items*."""
    return {"op": "include", "items": list(items)}


def exclude(*items: object) -> Body:
    """Return a criterion that wants none of *items*."""
    return {"op": "exclude", "items": list(items)}


# Each may name those before it.
SEGMENTS: Final[Mapping[str, Body]] = {
    "iberian": {"countries": include("ES", "PT", "BR")},
    "android with a plan": {"os": include("12"), "user_data": {"plan": include("plus", "pro")}},
    "either": {"segments": include("iberian", "android with a plan")},
    "idle": {"user_data": {"score": include(*range(21))}},
    "readers": {
        "segments": exclude("idle"),
        "applications": include("*.brand-01.example", "*.brand-02.example"),
    },
    "core": {"segments": include("either", "readers"), "languages": exclude("ca", "gl", "eu")},
    "newcomers": {"subscribed_age": {"to": 90}, "segments": exclude("iberian")},
}


@dataclass(frozen=True, slots=True)
class Named:
    """The ids that targetings name. Those of containers and accounts are in the order of SITES.

    users, remote_users: people from all over the audience, up to MANY.
    """

    accounts: Sequence[str]
    containers: Sequence[str]
    groups: Mapping[str, str]
    application_groups: Mapping[str, str]
    segments: Mapping[str, str]
    users: Sequence[str]
    remote_users: Sequence[str]


def segment_body(body: Body, ids: Mapping[str, str]) -> Body:
    """Return a body of SEGMENTS with the ids of those that it names."""
    named = body.get("segments")
    if named is None:
        return body
    return body | {"segments": named | {"items": [ids[name] for name in named["items"]]}}


def shapes(named: Named) -> dict[str, Body]:
    """Return the targetings by name: the most selective first, everyone last."""
    segments, world = named.segments, countries()
    return {
        "1 one user": {"users": include(named.users[len(named.users) // 2])},
        "2 hundred remote users": {"remote_users": include(*named.remote_users[:100])},
        "3 country, language": {"countries": include("DE"), "languages": include("de")},
        "4 wildcard host": {"applications": include("*.brand-03.example")},
        "5 age, browser": {"subscribed_age": {"from": 0, "to": 30}, "browsers": include("12")},
        "6 plan, scores": {
            "user_data": {"plan": include("plus"), "score": include(*range(60, 101))}
        },
        "7 segments": {"segments": include(segments["core"], segments["newcomers"])},
        "8 much excluded": {
            "countries": exclude(*(one.code for one in world[20:])),
            "languages": exclude(*[one for one in sorted(LANGUAGES) if one not in _LARGE][:100]),
            "regions": exclude(*large_regions(world, 30)),
            "applications": exclude(*(host for site in range(4, 12) for host in site_hosts(site))),
            "user_data": {
                "score": exclude(*range(1, 101, 2)),
                "interests": exclude(*INTERESTS[10:]),
            },
        },
        "9 all fifteen": all_fifteen(named, world),
        "everyone": {},
    }


_LARGE: Final = frozenset({"en", "pt", "es", "de", "fr", "hi", "id", "ru", "zh"})


def all_fifteen(named: Named, world: Sequence[Country]) -> Body:
    """Return every criterion of the contract at once, none of which leaves few."""
    return {
        "accounts": include(*named.accounts[:2]),
        "application_groups": exclude(named.application_groups["help"]),
        "applications": include(*(f"*.brand-{site + 1:02}.example" for site in range(8))),
        "apps": exclude(named.containers[7]),
        "browsers": include("12", "2", "1", "3", "5"),
        "countries": exclude(*(one.code for one in world[40:])),
        "groups": include(named.groups["large"]),
        "languages": include(*sorted(LANGUAGES)[:90], *(_LARGE - {*sorted(LANGUAGES)[:90]})),
        "os": exclude("3", "7"),
        "regions": exclude(*large_regions(world, 20)),
        "remote_users": exclude(*named.remote_users),
        "segments": exclude(named.segments["idle"]),
        "subscribed_age": {"from": 1, "to": 1000},
        "user_data": {"plan": include("free", "plus"), "interests": exclude(*INTERESTS[:5])},
        "users": exclude(*named.users),
    }


def large_regions(world: Sequence[Country], count: int) -> list[str]:
    """Return the regions that most people come from."""
    weights = {
        region: country.weight / (at + 1)
        for country in world
        for at, region in enumerate(country.regions)
    }
    return sorted(weights, key=weights.__getitem__, reverse=True)[:count]


def everything(named: Named) -> Iterator[Body]:
    """Yield targetings that together name every value of every attribute that has a few."""
    values: dict[str, Sequence[object]] = {
        "accounts": named.accounts,
        "applications": [
            *(host for site in range(len(SITES)) for host in site_hosts(site)),
            *(f"*.brand-{site + 1:02}.example" for site in range(len(SITES))),
        ],
        "apps": named.containers,
        "browsers": [str(one) for one in BROWSERS],
        "countries": sorted(COUNTRIES),
        "languages": sorted({*LANGUAGES, *(tag for one in countries() for tag in one.languages)}),
        "os": [str(one) for one in OPERATING_SYSTEMS],
        "regions": [region for one in countries() for region in one.regions],
    }
    for attribute, all_of_it in values.items():
        for some in _hundreds(all_of_it):
            yield {attribute: include(*some)}
    of_people = {"plan": tuple(PLANS), "score": tuple(range(101)), "interests": INTERESTS}
    for key, all_of_it in of_people.items():
        for some in _hundreds(all_of_it):
            yield {"user_data": {key: include(*some)}}
    yield {"subscribed_age": {"from": 10, "to": 1000}}


def _hundreds(values: Sequence[object]) -> Iterator[Sequence[object]]:
    return (values[at : at + 100] for at in range(0, len(values), 100))


def growing(named: Named) -> dict[str, list[tuple[int, Body]]]:
    """Return targetings that grow: by criteria, and by items of one criterion."""
    whole = all_fifteen(named, countries())
    sizes = (1, 10, 100, 1000, MANY)
    codes = [one.code for one in countries()]
    regions = large_regions(countries(), 100)
    return {
        "criteria": [
            (count, {name: whole[name] for name in list(whole)[:count]})
            for count in range(1, len(whole) + 1)
        ],
        "users": [(size, {"users": exclude(*named.users[:size])}) for size in sizes],
        "remote_users": [
            (size, {"remote_users": exclude(*named.remote_users[:size])}) for size in sizes
        ],
        "countries": [(size, {"countries": exclude(*codes[-size:])}) for size in (1, 10, 50, 199)],
        "regions": [(size, {"regions": exclude(*regions[-size:])}) for size in (1, 10, 50, 100)],
    }
