"""VAPID against RFC 8292's example, py_vapid as judge, and every way to be wrong."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from py_vapid import Vapid02

from tocsin.webpush import base64url
from tocsin.webpush.vapid import (
    DAY_S,
    LIFE_S,
    Authorizations,
    Signer,
    VapidRefused,
    check_expiry,
    dump_private_key,
    load_private_key,
    verify,
)

ORIGIN = "https://push.example.net"
SUBJECT = "mailto:push@example.com"
NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
SIGNER = Signer(load_private_key(bytes(31) + b"\x07"))
OTHER = Signer(load_private_key(bytes(31) + b"\x08"))

# RFC 8292 section 2.4
EXAMPLE = (
    "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9."
    "eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNo"
    "QGV4YW1wbGUuY29tIn0."
    "i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, "
    "k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
)
EXAMPLE_EXP_MS = 1_453_523_768_000


def signed(now_ms: int = NOW_MS, life_s: int = LIFE_S, origin: str = ORIGIN) -> str:
    return SIGNER.authorization(origin, subject=SUBJECT, now_ms=now_ms, life_s=life_s)


def with_claims(claims: object, head: object = None) -> str:
    """A header whose signature is good, whatever it claims."""
    head = {"typ": "JWT", "alg": "ES256"} if head is None else head
    text = ".".join(base64url.encode(json.dumps(part).encode()) for part in (head, claims))
    return f"vapid t={text}.{SIGNER._signature(text)}, k={SIGNER.public_key}"


def test_the_example_of_rfc_8292_is_verified() -> None:
    claims = verify(EXAMPLE, audience=ORIGIN, now_ms=EXAMPLE_EXP_MS - 1000)

    assert claims.subject == SUBJECT
    assert claims.expires_ms == EXAMPLE_EXP_MS
    assert EXAMPLE.endswith(f"k={claims.public_key}")


def test_our_header_and_claims_are_those_of_the_example() -> None:
    ours = signed(now_ms=EXAMPLE_EXP_MS - 60_000, life_s=60)

    assert ours.split(".")[:2] == EXAMPLE.split(".")[:2]


def test_py_vapid_verifies_ours() -> None:
    # It splits the header at its last blank, so it is given the form without one.
    assert Vapid02.verify(signed().replace(", ", ","))


def test_we_verify_py_vapid() -> None:
    judge = Vapid02(ec.generate_private_key(ec.SECP256R1()))
    header = judge.sign({"aud": ORIGIN, "sub": SUBJECT, "exp": NOW_MS // 1000 + 60})

    claims = verify(header["Authorization"], audience=ORIGIN, now_ms=NOW_MS)

    assert header["Authorization"].endswith(claims.public_key)


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        pytest.param("", "scheme", id="empty"),
        pytest.param(signed().replace("vapid", "Bearer"), "scheme", id="another scheme"),
        pytest.param("vapid t=a.b.c", "missing", id="no key"),
        pytest.param(f"vapid k={SIGNER.public_key}", "missing", id="no token"),
        pytest.param(signed() + ", k=AA", "form", id="two keys"),
        pytest.param(signed().replace("t=", "t"), "form", id="no equals sign"),
        pytest.param(f"vapid t=a.b, k={SIGNER.public_key}", "three parts", id="two parts"),
        pytest.param(f"vapid t=e30.e30.AA, k={SIGNER.public_key}", "ES256", id="no alg"),
        pytest.param(with_claims({}, {"alg": "none"}), "ES256", id="alg none"),
        pytest.param(with_claims({}, [1]), "not a JSON object", id="header is a list"),
        pytest.param(with_claims([1]), "not a JSON object", id="claims are a list"),
        pytest.param(
            signed().replace(SIGNER.public_key, OTHER.public_key), "signature", id="other k"
        ),
        pytest.param(signed().replace(SIGNER.public_key, "BA"), "65 bytes", id="short k"),
        pytest.param(
            signed().replace(SIGNER.public_key, base64url.encode(b"\x04" + bytes(64))),
            "on the curve",
            id="k off the curve",
        ),
        pytest.param(signed(origin="https://other.example"), "aud is", id="another audience"),
        pytest.param(signed(now_ms=NOW_MS - LIFE_S * 1000), "expired", id="expired this second"),
        pytest.param(signed(now_ms=NOW_MS + 1000, life_s=DAY_S), "24 hours", id="a second too far"),
        pytest.param(with_claims({"aud": ORIGIN}), "whole number", id="no exp"),
        pytest.param(with_claims({"aud": ORIGIN, "exp": True}), "whole number", id="exp is true"),
        pytest.param(with_claims({"aud": ORIGIN, "exp": "1"}), "whole number", id="exp is text"),
        pytest.param(with_claims({"aud": ORIGIN, "exp": 1, "sub": 1}), "sub", id="sub is a number"),
    ],
)
def test_what_verify_refuses(header: str, complaint: str) -> None:
    with pytest.raises(VapidRefused, match=complaint):
        verify(header, audience=ORIGIN, now_ms=NOW_MS)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(signed(life_s=DAY_S), id="24 hours"),
        pytest.param(signed(now_ms=NOW_MS - LIFE_S * 1000 + 1000), id="the last second"),
        pytest.param(signed().replace("vapid", "VAPID"), id="the scheme ignores case"),
        pytest.param(signed().replace(", ", " ,\t"), id="blanks around the comma"),
        pytest.param(with_claims({"aud": [ORIGIN], "exp": NOW_MS // 1000 + 9}), id="aud as a list"),
    ],
)
def test_what_verify_takes(header: str) -> None:
    assert verify(header, audience=ORIGIN, now_ms=NOW_MS).public_key == SIGNER.public_key


@given(place=st.integers(0, len(signed()) - 1), character=st.characters(codec="ascii"))
def test_no_altered_header_claims_anything_else(place: int, character: str) -> None:
    header = signed()
    altered = header[:place] + character + header[place + 1 :]
    try:
        claims = verify(altered, audience=ORIGIN, now_ms=NOW_MS)
    except VapidRefused:
        return

    assert claims == verify(header, audience=ORIGIN, now_ms=NOW_MS)


@pytest.mark.parametrize(
    ("origin", "subject", "life_s"),
    [
        pytest.param(ORIGIN, SUBJECT, DAY_S + 1, id="more than a day"),
        pytest.param(ORIGIN, SUBJECT, 0, id="no life"),
        pytest.param(ORIGIN + "/", SUBJECT, 60, id="a path"),
        pytest.param("push.example.net", SUBJECT, 60, id="no scheme"),
        pytest.param(ORIGIN, "push@example.com", 60, id="an address without mailto:"),
        pytest.param(ORIGIN, "", 60, id="no subject"),
    ],
)
def test_what_is_not_signed(origin: str, subject: str, life_s: int) -> None:
    with pytest.raises(ValueError, match=r"cannot live|not an origin|neither"):
        SIGNER.authorization(origin, subject=subject, now_ms=NOW_MS, life_s=life_s)


@given(number=st.integers(1, 2**255))
def test_private_keys_survive_dump_and_load(number: int) -> None:
    raw = number.to_bytes(32, "big")

    assert dump_private_key(load_private_key(raw)) == raw


@pytest.mark.parametrize("raw", [b"", bytes(31), bytes(32), bytes(33), b"\xff" * 32])
def test_what_is_no_private_key(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the library words some of them
        load_private_key(raw)


@pytest.mark.parametrize(
    ("later_ms", "reused"),
    [
        pytest.param(0, True, id="at once"),
        pytest.param(11 * HOUR_MS, True, id="an hour before its end"),
        pytest.param(11 * HOUR_MS + 1, False, id="less than an hour before its end"),
        pytest.param(-11 * HOUR_MS, True, id="the clock went back eleven hours"),
        pytest.param(-11 * HOUR_MS - 1, False, id="the clock went back: too far ahead now"),
    ],
)
def test_an_authorization_is_reused_for_hours(later_ms: int, reused: bool) -> None:
    kept = Authorizations(subject=SUBJECT)
    first = kept.value(ORIGIN, SIGNER, now_ms=NOW_MS)

    second = kept.value(ORIGIN, SIGNER, now_ms=NOW_MS + later_ms)

    assert (second is first) is reused
    check_expiry(
        verify(second, audience=ORIGIN, now_ms=NOW_MS + later_ms), now_ms=NOW_MS + later_ms
    )


def test_each_origin_and_key_has_its_own_authorization() -> None:
    kept = Authorizations(subject=SUBJECT)

    values = {
        kept.value(origin, signer, now_ms=NOW_MS)
        for origin in (ORIGIN, "https://other.example")
        for signer in (SIGNER, OTHER)
    }

    assert len(values) == 4


def test_the_authorizations_kept_are_bounded() -> None:
    kept = Authorizations(subject=SUBJECT, capacity=3)

    for number in range(10):
        kept.value(f"https://{number}.example", SIGNER, now_ms=NOW_MS)

    assert len(kept) == 3
