"""Real database files in MaxMind's format, of a few networks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mmdb_writer import MMDBWriter
from netaddr import IPSet

LONDON: Final = "81.2.69.160"
BELGRADE: Final = "178.220.0.1"
IN_IPV6: Final = "2a02:2f0b::1"
UNMAPPED: Final = "8.8.8.8"


def record(country: str, region: int | None = None, city: int | None = None) -> dict[str, Any]:
    """Return a record as GeoLite2 City has it, names and all that is not looked at included."""
    found: dict[str, Any] = {
        "continent": {"code": "EU", "geoname_id": 6255148, "names": {"en": "Europe"}},
        "country": {"iso_code": country, "geoname_id": 1, "names": {"en": country}},
        "registered_country": {"iso_code": "US", "geoname_id": 6252001},
        "location": {"latitude": 51.5, "longitude": -0.1, "time_zone": "Europe/London"},
    }
    if region is not None:
        found["subdivisions"] = [
            {"geoname_id": region, "iso_code": "ENG"},
            {"geoname_id": region + 1, "iso_code": "OXF"},
        ]
    if city is not None:
        found["city"] = {"geoname_id": city, "names": {"en": "a city"}}
    return found


NETWORKS: Final[Mapping[str, Any]] = {
    "81.2.69.0/24": record("GB", 6269131, 2643743),
    "178.220.0.0/16": record("RS", 785958, 792680),
    "10.0.0.0/8": record("FR"),
    "2a02:2f0b::/32": record("RO", 683504),
}


def write(
    path: Path,
    networks: Mapping[str, Any] = NETWORKS,
    *,
    kind: str = "GeoLite2-City",
    ip_version: int = 6,
) -> Path:
    """Write the database *path* with the record of each network; return *path*."""
    writer = MMDBWriter(ip_version, kind, ipv4_compatible=ip_version == 6)
    for network, found in networks.items():
        writer.insert_network(IPSet([network]), found)
    writer.to_db_file(str(path))
    return path
