"""Every setting once: its name, type, default, unit, and a sentence.

A value comes from the environment variable ``TOCSIN_<NAME>``, else from the TOML file named by
``--config`` or ``TOCSIN_CONFIG`` (its keys are the names in lower case), else it is the default.
A value that is empty counts as not set. docs/reference/settings.md says
the same as SETTINGS; a test compares them.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tocsin.exchange.hosts import ExchangeHosts
from tocsin.webpush.endpoint import PushHosts

PREFIX: Final = "TOCSIN_"
_CONTACT: Final = re.compile(r"mailto:[^\s@]+@[^\s@]+|https://[^\s/@]+(?:/\S*)?", re.ASCII)


class BadSetting(ValueError):
    """A setting is unknown or has a value that it cannot have; says which, and what fits."""


class _SecretError(ValueError):
    """A value is wrong that must not be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process. Paths are as given; data is where the server keeps its own."""

    data: Path = Path("tocsin-data")
    database_url: str = ""
    public_url: str = ""
    secret_key_file: Path | None = None
    push_hosts: tuple[str, ...] = ()
    exchange_hosts: tuple[str, ...] = ()
    ca_file: Path | None = None
    geoip_database: Path | None = None
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    contact: str = ""
    senders: int = 1
    request_timeout: int = 30
    rate_burst: int = 10
    rate_steady: int = 150
    audience_cache: int = 1024
    log_format: str = "console"

    @property
    def database(self) -> str:
        """Return the database's URL: the one that was set, else SQLite in the data directory."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'tocsin.db'}"

    @property
    def database_place(self) -> str:
        """Return the database's URL fit for a message: without a password."""
        return make_url(self.database).render_as_string(hide_password=True)

    @property
    def secret_key_path(self) -> Path:
        """Return where the secret key is kept."""
        return self.secret_key_file or self.data / "secret.key"

    @property
    def vapid_subject(self) -> str:
        """Return whom push services may contact about our requests (RFC 8292 section 2.1)."""
        public = self.public_url if self.public_url.startswith("https://") else ""
        return self.contact or public or "https://tocsin.invalid"


@dataclass(frozen=True, slots=True)
class _Setting:
    """One row of the reference."""

    read: Callable[[str], Any]
    sentence: str


def _database_url(value: str) -> str:
    """Return *value*; what is wrong is said without it, for it may hold a password."""
    try:
        kind = make_url(value).get_backend_name()
    except (ArgumentError, ValueError):
        kind = None
    if kind not in ("sqlite", "postgresql"):
        raise _SecretError("takes sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")
    return value


def _path(value: str) -> Path:
    return Path(value)


def _push_hosts(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    PushHosts(names)
    return names


def _exchange_hosts(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    ExchangeHosts(names)
    return names


def _proxies(value: str) -> tuple[str, ...]:
    """Return addresses and networks in their plain form; 10.0.0.1/8 is the network 10.0.0.0/8."""
    if value == "none":
        return ()
    names = [name.strip() for name in value.split(",") if name.strip()]
    try:
        networks = [ip_network(name, strict=False) for name in names]
    except ValueError:
        networks = []
    if not networks:
        raise ValueError("takes addresses and networks such as 10.0.0.0/8, or none")
    return tuple(
        str(network if "/" in name else network.network_address)
        for name, network in zip(names, networks, strict=True)
    )


def _number(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
            raise ValueError(f"takes a whole number from {least} to {most}")
        return int(value)

    return read


def _choice(*choices: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in choices:
            raise ValueError(f"takes one of {', '.join(choices)}")
        return value

    return read


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.port == 0
        or any(character in value for character in "@?# ")
    ):
        raise ValueError("takes an address such as https://push.example.com")
    return value.rstrip("/")


def _contact(value: str) -> str:
    if not _CONTACT.fullmatch(value):
        raise ValueError("takes mailto:you@example.com or an https address")
    return value


SETTINGS: Final[Mapping[str, _Setting]] = {
    "data": _Setting(_path, "Directory of the embedded database and the secret key."),
    "database_url": _Setting(
        _database_url, "sqlite:///PATH or postgresql://...; else SQLite in the data directory."
    ),
    "public_url": _Setting(
        _base_url, "The address under which browsers reach this server; else that of the request."
    ),
    "secret_key_file": _Setting(
        _path, "File of the 32-byte secret key; else secret.key in the data directory."
    ),
    "push_hosts": _Setting(
        _push_hosts,
        "Push services besides the built-in ones, with commas between: push.example.org; "
        "localhost:8090 also permits plain http and loopback, for tests.",
    ),
    "exchange_hosts": _Setting(
        _exchange_hosts,
        "Demand sources on private addresses or on this machine that zones may be asked at, with "
        "commas between: ads.internal:8080; all others must be on the public internet.",
    ),
    "ca_file": _Setting(
        _path, "PEM file of the authorities that push services and demand sources are checked by."
    ),
    "geoip_database": _Setting(
        _path, "City or Country database in MaxMind's format (.mmdb), which tells where people are."
    ),
    "trusted_proxies": _Setting(
        _proxies,
        "Addresses and networks of reverse proxies, with commas between: what they say of a "
        "request (X-Forwarded-For, X-Forwarded-Proto) is believed; none: nobody's word.",
    ),
    "contact": _Setting(
        _contact, "Whom push services may contact: mailto:... or https://...; else the public URL."
    ),
    "senders": _Setting(_number(1, 256), "Sender processes that serve starts; one per core."),
    "request_timeout": _Setting(
        _number(1, 3600), "Seconds within which a client must have sent its request."
    ),
    "rate_burst": _Setting(
        _number(0, 1_000_000), "Requests that an account may make in a second; 0: any number."
    ),
    "rate_steady": _Setting(
        _number(0, 1_000_000), "Requests that an account may make in a minute; 0: any number."
    ),
    "audience_cache": _Setting(
        _number(1, 1_000_000),
        "Megabytes of the audience index that each process keeps decoded, at most.",
    ),
    "log_format": _Setting(_choice("console", "json"), "console or json."),
}
_CONFIG: Final = "config"


def load(
    environment: Mapping[str, str], *, config: Path | None = None, data: Path | None = None
) -> Settings:
    """Return the settings that *environment* and the file *config* make; *data* outdoes both.

    Raises BadSetting.
    """
    given = {
        name.removeprefix(PREFIX).lower(): (value, name)
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    named, _ = given.pop(_CONFIG, ("", ""))
    path = config or (Path(named) if named else None)
    values = (_that_are_set(_from_file(path)) if path else {}) | _that_are_set(given)
    settings = Settings(**{name: _read(name, *value) for name, value in values.items()})
    return settings if data is None else replace(settings, data=data)


def _that_are_set(values: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Return *values* without the empty ones; an unknown name is kept, to be refused."""
    return {name: given for name, given in values.items() if given[0] or name not in SETTINGS}


def _from_file(path: Path) -> dict[str, tuple[str, str]]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadSetting(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path} is not TOML: {error}") from None
    values = {}
    for name, value in content.items():
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            text = ",".join(value)
        elif isinstance(value, str | int) and not isinstance(value, bool):
            text = str(value)
        else:
            raise BadSetting(f"{name} in {path}: takes text, a whole number or a list of texts")
        values[name] = (text, f"{name} in {path}")
    return values


def _read(name: str, value: str, source: str) -> Any:
    setting = SETTINGS.get(name)
    if setting is None:
        is_variable = source.startswith(PREFIX) and " " not in source
        known = [*SETTINGS, _CONFIG] if is_variable else [*SETTINGS]
        near = difflib.get_close_matches(name.lower().removeprefix(PREFIX.lower()), known, n=1)
        meant = [f"{PREFIX}{one.upper()}" if is_variable else one for one in near]
        hint = f" Did you mean {meant[0]}?" if meant else ""
        raise BadSetting(f"there is no setting {source}.{hint}")
    try:
        return setting.read(value)
    except _SecretError as error:
        raise BadSetting(f"{source}: {error}") from None
    except ValueError as error:
        raise BadSetting(f"{source}: {error}, not {value!r}") from None
