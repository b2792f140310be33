"""Settings: where they come from, what they may be, and what the reference says of them."""

import re
from pathlib import Path
from typing import Any

import pytest

from tocsin.settings import PREFIX, SETTINGS, BadSetting, Settings, load

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"

EXAMPLES: dict[str, tuple[str, Any]] = {
    "data": ("/srv/tocsin", Path("/srv/tocsin")),
    "database_url": ("postgresql://tocsin@db/tocsin", "postgresql://tocsin@db/tocsin"),
    "public_url": ("https://push.example.com/", "https://push.example.com"),
    "secret_key_file": ("/run/secrets/key", Path("/run/secrets/key")),
    "push_hosts": ("a.example, localhost:8090,", ("a.example", "localhost:8090")),
    "exchange_hosts": ("ads.lan:80, [FC00::1]:8080,", ("ads.lan:80", "[FC00::1]:8080")),
    "ca_file": ("ca.pem", Path("ca.pem")),
    "geoip_database": ("/var/lib/GeoLite2-City.mmdb", Path("/var/lib/GeoLite2-City.mmdb")),
    "trusted_proxies": ("10.0.0.1/8, ::1,2001:DB8::/32", ("10.0.0.0/8", "::1", "2001:db8::/32")),
    "contact": ("mailto:ops@example.com", "mailto:ops@example.com"),
    "senders": ("8", 8),
    "request_timeout": ("5", 5),
    "rate_burst": ("0", 0),
    "rate_steady": ("1000", 1000),
    "audience_cache": ("64", 64),
    "log_format": ("json", "json"),
}
ALL = pytest.mark.parametrize("name", EXAMPLES)


def from_file(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> Settings:
    file = tmp_path / "tocsin.toml"
    file.write_text(text, encoding="utf-8")
    return load(environment or {}, config=file)


def test_every_setting_has_an_example_and_a_field() -> None:
    assert EXAMPLES.keys() == SETTINGS.keys() == Settings.__dataclass_fields__.keys()


@ALL
def test_a_setting_comes_from_the_environment(name: str) -> None:
    text, value = EXAMPLES[name]

    assert getattr(load({f"{PREFIX}{name.upper()}": text}), name) == value


@ALL
def test_a_setting_comes_from_the_file(name: str, tmp_path: Path) -> None:
    text, value = EXAMPLES[name]

    assert getattr(from_file(tmp_path, f'{name} = "{text}"'), name) == value


@ALL
def test_an_empty_value_is_not_set(name: str, tmp_path: Path) -> None:
    text, value = EXAMPLES[name]
    nothing = {f"{PREFIX}{name.upper()}": ""}

    assert load(nothing) == from_file(tmp_path, f'{name} = ""') == Settings()
    assert getattr(from_file(tmp_path, f'{name} = "{text}"', nothing), name) == value


def test_the_environment_outdoes_the_file_and_the_option_both(tmp_path: Path) -> None:
    text = 'data = "file"\nsenders = 3\nlog_format = "json"\n'
    file = tmp_path / "tocsin.toml"
    file.write_text(text, encoding="utf-8")
    environment = {"TOCSIN_DATA": "env", "TOCSIN_SENDERS": "2", "HOME": "/root"}

    settings = load(environment, config=file, data=Path("option"))

    assert (settings.data, settings.senders, settings.log_format) == (Path("option"), 2, "json")
    assert load(environment, config=file).data == Path("env")


def test_the_file_is_named_by_the_option_else_by_the_environment(tmp_path: Path) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text("senders = 1", encoding="utf-8")
    other.write_text("senders = 9", encoding="utf-8")
    environment = {"TOCSIN_CONFIG": str(other)}

    assert load(environment).senders == 9
    assert load(environment, config=one).senders == 1
    assert load({"TOCSIN_CONFIG": ""}) == Settings()


def test_a_file_may_write_numbers_and_lists(tmp_path: Path) -> None:
    settings = from_file(tmp_path, 'senders = 4\npush_hosts = ["a.example", "*.b.example"]')

    assert (settings.senders, settings.push_hosts) == (4, ("a.example", "*.b.example"))


def test_nobodys_word_may_be_believed() -> None:
    assert load({"TOCSIN_TRUSTED_PROXIES": "none"}).trusted_proxies == ()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("TOCSIN_PUBLIC_ULR", "no setting TOCSIN_PUBLIC_ULR. Did you mean TOCSIN_PUBLIC_URL?"),
        ("TOCSIN_SENDER", "Did you mean TOCSIN_SENDERS?"),
        ("TOCSIN_CONFIGS", "Did you mean TOCSIN_CONFIG?"),
        ("TOCSIN_XYZZY", "there is no setting TOCSIN_XYZZY."),
    ],
)
@pytest.mark.parametrize("value", ["x", ""])
def test_an_unknown_name_is_refused_with_the_nearest(name: str, sentence: str, value: str) -> None:
    with pytest.raises(BadSetting, match=re.escape(sentence)):
        load({name: value})


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("sender", " Did you mean senders?"),
        ("PUBLIC_URL", " Did you mean public_url?"),
        ("TOCSIN_PUBLIC_URL", " Did you mean public_url?"),
        ("xyzzy", ""),
    ],
)
def test_an_unknown_name_in_the_file(key: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting) as raised:
        from_file(tmp_path, f'{key} = "x"')

    assert str(raised.value) == f"there is no setting {key} in {tmp_path / 'tocsin.toml'}.{hint}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", "mysql://root:canary-secret@db/x"),
        ("database_url", "canary-secret"),
        ("database_url", "postgresql://u:canary-secret@db:port/x"),
        ("exchange_hosts", "ads.example"),
        ("public_url", "push.example.com"),
        ("public_url", "ftp://push.example.com"),
        ("public_url", "https://"),
        ("public_url", "https://me@push.example.com"),
        ("public_url", "https://push.example.com/?a"),
        ("public_url", "https://push.example.com/#a"),
        ("public_url", "https://push.example.com:99999"),
        ("public_url", "https://[::1"),
        ("push_hosts", "https://push.example.org"),
        ("push_hosts", "localhost:99999"),
        ("push_hosts", "*"),
        ("trusted_proxies", "*"),
        ("trusted_proxies", ","),
        ("trusted_proxies", "proxy.example.com"),
        ("trusted_proxies", "10.0.0.1, none"),
        ("trusted_proxies", "10.0.0.0/33"),
        ("trusted_proxies", "10.0.0.1:80"),
        ("trusted_proxies", "10.0.0.1;10.0.0.2"),
        ("contact", "ops@example.com"),
        ("contact", "mailto:"),
        ("contact", "https://"),
        ("senders", "0"),
        ("senders", "257"),
        ("senders", "-1"),
        ("senders", "1.5"),
        ("senders", "many"),
        pytest.param("senders", "9" * 5000, id="more digits than Python reads"),
        ("request_timeout", "0"),
        ("request_timeout", "3601"),
        ("log_format", "JSON"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"^{PREFIX}{name.upper()}: ") as raised:
        load({f"{PREFIX}{name.upper()}": value})

    assert "canary-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("senders = true", "senders in .*: takes text, a whole number or a list of texts"),
        ("senders = 1.5", "senders in .*: takes text"),
        ("push_hosts = [1]", "push_hosts in .*: takes text"),
        ("[data]\npath = 'x'", "data in .*: takes text"),
        ("senders = 0", "senders in .*: takes a whole number from 1 to 256, not '0'"),
        ("senders = ", "is not TOML"),
    ],
)
def test_a_bad_file(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=sentence):
        from_file(tmp_path, text)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"cannot read .*: No such file"):
        load({}, config=tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadSetting, match="is not TOML"):
        load({}, config=tmp_path / "binary.toml")


def test_what_follows_from_the_settings() -> None:
    settings = Settings(data=Path("/srv"))

    assert settings.database == "sqlite:////srv/tocsin.db"
    assert settings.secret_key_path == Path("/srv/secret.key")
    assert Settings(secret_key_file=Path("/key")).secret_key_path == Path("/key")


def test_a_message_shows_the_database_without_its_password() -> None:
    place = Settings(database_url="postgresql://u:canary-secret@db/x").database_place

    assert "canary-secret" not in place
    assert "db/x" in place


@pytest.mark.parametrize(
    ("contact", "public_url", "subject"),
    [
        ("mailto:ops@example.com", "https://push.example.com", "mailto:ops@example.com"),
        ("", "https://push.example.com", "https://push.example.com"),
        pytest.param(
            "", "http://10.0.0.1", "https://tocsin.invalid", id="push services take https"
        ),
        ("", "", "https://tocsin.invalid"),
    ],
)
def test_whom_push_services_may_contact(contact: str, public_url: str, subject: str) -> None:
    assert Settings(contact=contact, public_url=public_url).vapid_subject == subject


def test_the_reference_says_what_the_program_does() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in REFERENCE.read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| `{PREFIX}")
    ]

    assert {row[0].strip("`| "): row[3].strip("| ") for row in rows} == {
        f"{PREFIX}{name.upper()}": setting.sentence for name, setting in SETTINGS.items()
    }
    defaults = {row[0].strip("`| "): row[2] for row in rows}
    for name, field in Settings.__dataclass_fields__.items():
        if field.default not in ("", None, ()):
            default = field.default
            text = ",".join(default) if isinstance(default, tuple) else default
            assert defaults[f"{PREFIX}{name.upper()}"] == f"`{text}`"
