"""Where a subscriber is, as ids of our dictionaries: read from a record of a GeoIP database."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from tocsin.domain.dictionaries import is_country

_MOST: Final = 9_999_999_999  # the ten digits that a GeoNames id may have in an import


@dataclass(frozen=True, slots=True)
class Place:
    """A country (ISO 3166-1 alpha-2), a region and a city (GeoNames ids). None: unknown."""

    country: str | None = None
    region: str | None = None
    city: str | None = None


NOWHERE: Final = Place()


def place_in(record: object) -> Place:
    """Return the place that *record* tells of; never raises, whatever it holds.

    record: as of a GeoIP2 City or Country database. Its ``country`` counts alone: the
    ``registered_country`` is where a network's owner sits, and of the two guesses that are left
    the time zone is the better one. The first subdivision is the largest, England before
    Oxfordshire. Without a country that ISO 3166-1 has, region and city are left out as well: they
    would stand beside the country of the time zone, which may be another.
    """
    country = _member(_member(record, "country"), "iso_code")
    if not isinstance(country, str) or not is_country(country):
        return NOWHERE
    subdivisions = _member(record, "subdivisions")
    largest = subdivisions[0] if isinstance(subdivisions, list) and subdivisions else None
    return Place(country, _geonames_id(largest), _geonames_id(_member(record, "city")))


def public_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that *text* is, None when it is none or nobody's on the internet.

    An IPv4 address in its IPv6 form (RFC 4291 section 2.5.5.2) is returned as what it is.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address if address.is_global else None


def without_contradictions(
    derived: Mapping[str, Any], known: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the attributes *derived* that may stand beside those *known*.

    A region lies in its country and a city in its region: what lies elsewhere than what is known
    is left out.
    """
    out: set[str] = set()
    if _differ(derived, known, "country"):
        out = {"region", "city"}
    elif _differ(derived, known, "region"):
        out = {"city"}
    return {name: value for name, value in derived.items() if name not in out}


def _differ(derived: Mapping[str, Any], known: Mapping[str, Any], name: str) -> bool:
    return known.get(name) is not None and derived.get(name) != known[name]


def _member(record: object, name: str) -> object:
    return record.get(name) if isinstance(record, Mapping) else None


def _geonames_id(record: object) -> str | None:
    found = _member(record, "geoname_id")
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found <= _MOST:
        return None
    return str(found)
