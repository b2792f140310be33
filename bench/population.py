"""A made-up audience with skewed attributes, as lines for `tocsin subscribers import`.

Run: PYTHONPATH=src python bench/population.py --count 1000000 --containers $(seq -s, 12)

Two calls with the same arguments write the same bytes. Who subscriber *n* is follows from the seed
and n: endpoint, keys, host, browser, remote_user_id, age. What changes of people follows from the
revision too: place, language, user data, whether they left. So a later revision of the same
numbers is an import of updates. How many lines and how many of them active is told on standard
error.
"""
# ruff: noqa: INP001, S311, T201, TID251 - a script; its chance is seeded, and guards nothing

import argparse
import json
import random
import sys
from base64 import urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from importlib.resources import files
from itertools import accumulate, islice
from struct import Struct
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tocsin.domain.dictionaries import COUNTRIES

T = TypeVar("T")

DAYS: Final = 3 * 365
SLOTS: Final = 1 << 16
PLACES: Final = 512  # of one country
POINTS: Final = 4096  # P-256 points; a point of one's own for everybody would take too long
AT_ONCE: Final = 2000
UNSUBSCRIBED: Final = 0.04
REMOTE: Final = 0.60
COUPON: Final = 0.05

# Containers: whose they are (0: the root account, 1 and 2: its children), and how many hosts.
SITES: Final = (
    *((0, 40), (1, 30), (0, 25), (2, 20), (0, 18), (1, 15)),
    *((0, 12), (2, 11), (0, 10), (1, 8), (0, 6), (2, 5)),
)
_LABELS: Final = ("www", "m", "news", "shop", "blog", "sport", "help", "forum", "video", "app")
_SECTIONS: Final = ("media", "market", "games")

# The largest countries with what is spoken there; the others follow in the order of their codes.
_LANGUAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "US": ("en-US", "en", "es", "zh-CN"),
    "BR": ("pt-BR", "pt", "en"),
    "IN": ("en-IN", "hi", "ta", "bn"),
    "ID": ("id", "jv"),
    "DE": ("de", "de-DE", "en", "tr"),
    "RU": ("ru", "ru-RU", "tt"),
    "MX": ("es-MX", "es"),
    "GB": ("en-GB", "en", "cy"),
    "FR": ("fr", "fr-FR", "br"),
    "TR": ("tr", "ku"),
    "JP": ("ja", "en"),
    "ES": ("es", "es-ES", "ca", "gl", "eu"),
    "IT": ("it", "it-IT", "de"),
    "PL": ("pl", "uk"),
    "CA": ("en-CA", "fr-CA", "en"),
    "VN": ("vi",),
    "PH": ("en", "tl"),
    "NG": ("en", "ha", "yo"),
    "EG": ("ar", "ar-EG"),
    "CN": ("zh-CN", "zh"),
    "UA": ("uk", "ru"),
    "AR": ("es-AR", "es"),
    "CO": ("es-CO", "es"),
    "NL": ("nl", "en"),
    "PT": ("pt", "pt-PT"),
    "RS": ("sr", "sr-Latn", "hu"),
    "CH": ("de-CH", "fr-CH", "it", "de"),
    "AT": ("de-AT", "de"),
    "TW": ("zh-TW", "zh"),
    "ZA": ("en-ZA", "af", "zu"),
    "AU": ("en-AU", "en"),
    "SE": ("sv", "en"),
    "KR": ("ko",),
}
_ELSEWHERE: Final = ("en", "fr", "ar", "es", "ro", "cs", "da", "el", "fi", "hr", "lt", "th", "sw")
COUNTRY_COUNT: Final = 200

_FCM: Final = "https://fcm.googleapis.com/fcm/send/dQ:APA91b"
_MOZILLA: Final = "https://updates.push.services.mozilla.com/wpush/v2/gAAAAA"
_APPLE: Final = "https://web.push.apple.com/Q"
_MICROSOFT: Final = "https://wns2-par02p.notify.windows.com/w/?token="
# Browser, operating system and push service go together. Weights are per mille of browsers.
_MACHINES: Final[Mapping[tuple[str, str, str], float]] = {
    ("Chrome", "Android", _FCM): 440,
    ("Chrome", "Windows", _FCM): 190,
    ("Safari", "iOS", _APPLE): 80,
    ("Edge", "Windows", _MICROSOFT): 60,
    ("Chrome", "macOS", _FCM): 50,
    ("Samsung Internet", "Android", _FCM): 50,
    ("Firefox", "Windows", _MOZILLA): 35,
    ("Safari", "macOS", _APPLE): 20,
    ("Opera", "Windows", _FCM): 12,
    ("Opera", "Android", _FCM): 10,
    ("Chrome", "Chrome OS", _FCM): 10,
    ("Firefox", "Linux", _MOZILLA): 8,
    ("Firefox", "Android", _MOZILLA): 7,
    ("Yandex Browser", "Windows", _FCM): 6,
    ("Mi Browser", "Android", _FCM): 5,
    ("UC Browser", "Android", _FCM): 4,
    ("Brave", "Windows", _FCM): 3,
    ("Chromium", "Linux", _FCM): 2,
    ("Huawei Browser", "HarmonyOS", _FCM): 2,
    ("Whale", "Windows", _FCM): 2,
    ("Vivaldi", "Windows", _FCM): 1,
    ("Cốc Cốc", "Windows", _FCM): 1,
    ("Opera Mini", "Android", _FCM): 1,
    ("DuckDuckGo", "Windows", _FCM): 1,
    ("Chrome", "Tizen", _FCM): 0.2,
}
PLANS: Final[Mapping[str, float]] = {"free": 70, "plus": 22, "pro": 8}
INTERESTS: Final = tuple(f"topic-{number:02}" for number in range(50))

_WHO: Final = Struct("<HHHHI").unpack_from
_WHAT: Final = Struct("<HHHHHH").unpack_from


def site_hosts(site: int) -> list[str]:
    """Return the hosts of a container, by its place in SITES."""
    _, count = SITES[site]
    brand = f"brand-{site + 1:02}.example"
    above = [brand, *(f"{section}.{brand}" for section in _SECTIONS)]
    return [f"{label}.{parent}" for parent in above for label in _LABELS][:count]


@dataclass(frozen=True, slots=True)
class Country:
    """What the people of one country may have. regions: GeoNames ids, the large ones first."""

    code: str
    languages: Sequence[str]
    zones: Sequence[str]
    regions: Sequence[str]
    weight: float


def countries() -> list[Country]:
    """Return the countries that people come from, the large ones first."""
    zones: dict[str, list[str]] = {}
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if not line.startswith("#"):
            code, _, name, *_ = line.split("\t")
            zones.setdefault(code, []).append(name)
    codes = [*_LANGUAGES, *sorted(COUNTRIES.keys() & zones.keys() - _LANGUAGES.keys())]
    return [
        Country(
            code=code,
            languages=_LANGUAGES.get(code) or _ELSEWHERE[rank % len(_ELSEWHERE) :][:2],
            zones=zones[code],
            regions=[str(1_000_000 + 100 * rank + at) for at in range(int(38 / (1 + rank / 40)))],
            weight=1 / (rank + 1),
        )
        for rank, code in enumerate(codes[:COUNTRY_COUNT])
    ]


class Population:
    """The subscribers of one seed. containers: ids or keys, as many as SITES has."""

    def __init__(self, seed: int, containers: Sequence[str], until: date) -> None:
        """until: the day after the newest subscription."""
        if len(containers) != len(SITES):
            raise ValueError(f"the population has {len(SITES)} containers, not {len(containers)}")
        chance = random.Random(seed)
        self._seed = seed
        self._points = [_point(number) for number in range(1, POINTS + 1)]
        self._hosts = _slots(_host_fragments(containers, chance))
        self._machines = _slots(_machine_fragments())
        self._countries = _slots(
            {at: country.weight for at, country in enumerate(countries())}, shuffled_by=chance
        )
        self._places = [_place_fragments(country, chance) for country in countries()]
        self._plans = _slots(_plan_fragments())
        self._interests = [_interest_fragment(chance) for _ in range(SLOTS)]
        # Ever more people subscribe: as many on a day as days went by before.
        days = [f'"subscribed_at":"{until - timedelta(days=DAYS - at)} ' for at in range(DAYS)]
        self._days = [days[int(DAYS * (slot / SLOTS) ** 0.5)] for slot in range(SLOTS)]
        self._seconds = [
            f'{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}"}}\n' for s in range(86_400)
        ]

    def lines(self, numbers: Iterable[int], revision: int = 0) -> Iterator[str]:
        """Yield the import lines of the subscribers with these numbers, newline included."""
        hosts, machines, points, places = self._hosts, self._machines, self._points, self._places
        plans, interests, country_of = self._plans, self._interests, self._countries
        days, seconds = self._days, self._seconds
        key, key_now = self._key(0), self._key(1 + revision)
        left_below, coupon_below = int(UNSUBSCRIBED * SLOTS), int(COUPON * SLOTS)
        remote_below = int(REMOTE * SLOTS)
        for number in numbers:
            raw = number.to_bytes(8, "little")
            who = blake2b(raw, key=key, digest_size=64).digest()
            host, machine, remote, day, second = _WHO(who)
            country, place, plan, interest, coupon, left = _WHAT(
                blake2b(raw, key=key_now, digest_size=12).digest()
            )
            token = urlsafe_b64encode(who + who[:35]).decode()
            device, service = machines[machine]
            known = plans[plan] + interests[interest]
            if coupon < coupon_below:
                known += f'"coupon":"C-{number:08}",'
            yield (
                f'{{"subscription":{{"endpoint":"{service}{token}","keys":{{'
                f'"p256dh":"{points[number % POINTS]}","auth":"{token[20:41]}A"}}}},'
                f"{hosts[host]}{places[country_of[country]][place % PLACES]}{device}"
                + (f'"remote_user_id":"{_remote_user(number)}",' if remote < remote_below else "")
                + (f'"user_data":{{{known[:-1]}}},' if known else "")
                + ('"status":"unsubscribed",' if left < left_below else "")
                + days[day]
                + seconds[second % 86_400]
            )

    def remote_users(self, numbers: Iterable[int]) -> Iterator[str]:
        """Yield the remote_user_id of those of the subscribers who have one."""
        key, below = self._key(0), int(REMOTE * SLOTS)
        for number in numbers:
            who = blake2b(number.to_bytes(8, "little"), key=key, digest_size=64).digest()
            if _WHO(who)[2] < below:
                yield _remote_user(number)

    def _key(self, purpose: int) -> bytes:
        return blake2b(f"{self._seed} {purpose}".encode(), digest_size=32).digest()


def _remote_user(number: int) -> str:
    return f"crm-{number:08}"


def _point(number: int) -> str:
    """Return an uncompressed point of P-256, base64url without padding."""
    point = ec.derive_private_key(number, ec.SECP256R1()).public_key()
    raw = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _slots(weights: Mapping[T, float], *, shuffled_by: random.Random | None = None) -> list[T]:
    """Return SLOTS values, each as often as its weight says, but once at least."""
    values, ends = list(weights), list(accumulate(weights.values()))
    free = SLOTS - len(values)
    slots = values + [values[bisect_right(ends, at / free * ends[-1])] for at in range(free)]
    if shuffled_by:
        shuffled_by.shuffle(slots)
    return slots


def _zipf(count: int) -> list[float]:
    return [1 / (rank + 1) for rank in range(count)]


def _host_fragments(containers: Sequence[str], chance: random.Random) -> dict[str, float]:
    """Return container and application; of a few, only the container is known."""
    pairs = [(name, host) for site, name in enumerate(containers) for host in site_hosts(site)]
    chance.shuffle(pairs)
    weights: dict[str, float] = {}
    for (name, host), weight in zip(pairs, _zipf(len(pairs)), strict=True):
        fragment = f'"container":{json.dumps(name)},'
        weights[fragment] = weights.get(fragment, 0) + 0.05 * weight
        weights[f'{fragment}"application":"{host}",'] = 0.95 * weight
    return weights


def _machine_fragments() -> dict[tuple[str, str], float]:
    """Return browser and os with the address of the push service; of a few they are unknown."""
    weights: dict[tuple[str, str], float] = {("", _FCM): 8}
    for (browser, system, service), weight in _MACHINES.items():
        weights[f'"browser":"{browser}","os":"{system}",', service] = 0.98 * weight
        weights[f'"browser":"{browser}",', service] = 0.02 * weight
    return weights


def _place_fragments(country: Country, chance: random.Random) -> list[str]:
    """Return places of a country, the large ones often: any part of one may be unknown."""
    count = len(country.regions)
    picked = chance.choices(range(count), _zipf(count), k=PLACES - count)
    tongues = chance.choices(country.languages, _zipf(len(country.languages)), k=PLACES)
    fragments = []
    for at, tongue in zip([*range(count), *picked], tongues, strict=True):
        region = country.regions[at]
        parts = {
            "country": (country.code, 0.03),
            "region": (region, 0.12),
            "city": (f"{int(region) * 4 + chance.randrange(4)}", 0.30),
            "language": (tongue, 0.03),
            "timezone": (country.zones[at % len(country.zones)], 0.04),
        }
        known = [
            f'"{name}":"{value}",'
            for name, (value, less) in parts.items()
            if chance.random() > less
        ]
        fragments.append("".join(known))
    return fragments


def _plan_fragments() -> dict[str, float]:
    """Return plan and score: most have a low score, some have none, and some have no plan."""
    plans = {f'"plan":"{plan}",': weight for plan, weight in PLANS.items()} | {"": 10}
    scores = {f'"score":{score},': 120.0 - score for score in range(101)} | {"": 1500.0}
    return {
        plan + score: often * weight
        for plan, often in plans.items()
        for score, weight in scores.items()
    }


def _interest_fragment(chance: random.Random) -> str:
    count = chance.choice((0, 1, 1, 2, 2, 3, 4, 5))
    found = set(chance.choices(INTERESTS, _zipf(len(INTERESTS)), k=count))
    if not found and chance.random() < 0.5:  # the key itself may be missing
        return ""
    return f'"interests":{json.dumps(sorted(found), separators=(",", ":"))},'


def main() -> None:
    """Write the lines that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--containers", required=True, help="ids or keys, with commas between")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--step", type=int, default=1, help="from a number to the next")
    parser.add_argument("--revision", type=int, default=0)
    parser.add_argument("--until", type=date.fromisoformat, default=date(2026, 12, 1))
    options = parser.parse_args()
    population = Population(options.seed, options.containers.split(","), options.until)
    numbers = range(options.first, options.first + options.count * options.step, options.step)
    lines, unsubscribed = population.lines(numbers, options.revision), 0
    while some := "".join(islice(lines, AT_ONCE)).encode():
        unsubscribed += some.count(b'"unsubscribed"')
        sys.stdout.buffer.write(some)
    sys.stdout.buffer.flush()
    told = {"lines": options.count, "active": options.count - unsubscribed}
    print(json.dumps(told), file=sys.stderr)


if __name__ == "__main__":
    main()
