"""Encryption against the RFCs' own vectors, two independent judges, and its laws."""

import hmac
from base64 import urlsafe_b64encode

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from pywebpush import WebPusher

from tocsin.webpush import base64url
from tocsin.webpush.encryption import (
    MAX_BODY,
    MAX_PLAINTEXT,
    BadSubscriptionKeys,
    PlaintextTooLarge,
    Undecryptable,
    _hmac,
    check_subscription_keys,
    decrypt,
    encrypt,
    seal,
    unseal,
)

CURVE = ec.SECP256R1()


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(base64url.decode(text), "big"), CURVE)


def point(key: ec.EllipticCurvePrivateKey, form: str = "UncompressedPoint") -> bytes:
    return key.public_key().public_bytes(Encoding.X962, getattr(PublicFormat, form))


# RFC 8291 section 5 and appendix A
RECEIVER = private_key("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
SENDER = private_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
P256DH = base64url.decode(
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
AUTH = base64url.decode("BTBZMqHH6r4Tts7J_aSIgg")
SALT = base64url.decode("DGv6ra1nlYgDCS1FRnbzlw")
MELON = b"When I grow up, I want to be a watermelon"
MELON_BODY = base64url.decode(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def ours(plaintext: bytes, salt: bytes = SALT) -> bytes:
    return encrypt(plaintext, p256dh=P256DH, auth=AUTH, sender_key=SENDER, salt=salt)


def opened(body: bytes) -> bytes:
    return decrypt(body, receiver_key=RECEIVER, auth=AUTH)


def test_rfc_8291_section_5_is_reproduced_byte_for_byte() -> None:
    assert ours(MELON) == MELON_BODY


def test_rfc_8291_section_5_is_read() -> None:
    assert opened(MELON_BODY) == MELON


# RFC 8188 section 3.1
WALRUS_IKM = base64url.decode("yqdlZ-tYemfogSmv7Ws5PQ")
WALRUS_BODY = base64url.decode(
    "I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg"
)


def test_rfc_8188_section_3_1_is_reproduced_byte_for_byte() -> None:
    body = seal(b"I am the walrus", ikm=WALRUS_IKM, salt=WALRUS_BODY[:16], key_id=b"")

    assert body == WALRUS_BODY


def test_rfc_8188_section_3_1_is_read() -> None:
    assert unseal(WALRUS_BODY[21:], ikm=WALRUS_IKM, salt=WALRUS_BODY[:16]) == b"I am the walrus"


def test_rfc_8188_section_3_2_is_refused_for_its_second_record() -> None:
    two_records = base64url.decode(
        "uNCkWiNYzKTnBN9ji3-qWAAAABkCYTHOG8chz_gnvgOqdGYovxyjuqRyJFjEDyoF"
        "1Fvkj6hQPdPHI51OEUKEpgz3SsLWIqS_uA"
    )

    with pytest.raises(Undecryptable, match="several"):
        opened(two_records)


@given(
    plaintext=st.binary(min_size=1, max_size=MAX_PLAINTEXT),
    salt=st.binary(min_size=16, max_size=16),
)
def test_http_ece_reads_what_we_encrypt(plaintext: bytes, salt: bytes) -> None:
    assert plaintext == http_ece.decrypt(
        ours(plaintext, salt), private_key=RECEIVER, auth_secret=AUTH, version="aes128gcm"
    )


@given(plaintext=st.binary(min_size=1, max_size=MAX_PLAINTEXT))
def test_we_read_what_pywebpush_encrypts(plaintext: bytes) -> None:
    keys = {
        "p256dh": urlsafe_b64encode(P256DH).decode(),
        "auth": urlsafe_b64encode(AUTH).decode(),
    }
    pusher = WebPusher({"endpoint": "https://push.example.org/1", "keys": keys})

    assert opened(pusher.encode(plaintext)["body"]) == plaintext


@given(plaintext=st.binary(max_size=MAX_PLAINTEXT), salt=st.binary(min_size=16, max_size=16))
def test_what_is_encrypted_is_read_back_and_fits(plaintext: bytes, salt: bytes) -> None:
    body = ours(plaintext, salt)

    assert opened(body) == plaintext
    assert len(body) == 103 + len(plaintext) <= MAX_BODY


@given(bit=st.integers(0, len(MELON_BODY) * 8 - 1))
def test_no_altered_body_is_read(bit: int) -> None:
    altered = bytearray(MELON_BODY)
    altered[bit // 8] ^= 1 << bit % 8
    if altered[:16] == MELON_BODY[:16] and altered[20:] == MELON_BODY[20:]:
        # The record size is not authenticated (RFC 8188 section 2.1); a larger one changes nothing.
        assert int.from_bytes(altered[16:20], "big") != 4096
        return

    with pytest.raises(Undecryptable):
        opened(bytes(altered))


@given(body=st.binary(max_size=300))
def test_noise_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(Undecryptable):
        opened(body)


@pytest.mark.parametrize("length", range(len(MELON_BODY)))
def test_every_truncation_is_refused(length: int) -> None:
    with pytest.raises(Undecryptable):
        opened(MELON_BODY[:length])


@given(key=st.binary(max_size=64), message=st.binary(max_size=200))
def test_our_hmac_is_the_standard_librarys(key: bytes, message: bytes) -> None:
    assert _hmac(key, message) == hmac.digest(key, message, "sha256")


def test_padding_is_taken_off() -> None:
    body = http_ece.encrypt(
        b"short", private_key=SENDER, dh=P256DH, auth_secret=AUTH, salt=SALT, version="aes128gcm"
    )

    assert opened(body) == b"short"


@pytest.mark.parametrize(
    ("padded", "read"),
    [
        pytest.param(b"text\x02", b"text", id="no padding"),
        pytest.param(b"text\x02\x00\x00", b"text", id="padding"),
        pytest.param(b"\x02\x00", b"", id="empty"),
        pytest.param(b"text\x02\x02\x00", b"text\x02", id="a text that ends like a delimiter"),
        pytest.param(b"text\x00\x02", b"text\x00", id="a text that ends like padding"),
        pytest.param(b"text\x01", None, id="the delimiter of a record that is not the last"),
        pytest.param(b"text", None, id="no delimiter"),
        pytest.param(b"\x00\x00", None, id="nothing but padding"),
    ],
)
def test_delimiters(padded: bytes, read: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.webpush.encryption._LAST_RECORD", b"")
    record = seal(padded, ikm=b"ikm", salt=SALT, key_id=b"")[21:]
    monkeypatch.undo()

    if read is None:
        with pytest.raises(Undecryptable):
            unseal(record, ikm=b"ikm", salt=SALT)
    else:
        assert unseal(record, ikm=b"ikm", salt=SALT) == read


def test_a_record_size_below_the_least_is_refused() -> None:
    body = ours(b"")

    assert opened(body[:16] + (18).to_bytes(4, "big") + body[20:]) == b""
    with pytest.raises(Undecryptable, match="below 18"):
        opened(body[:16] + (17).to_bytes(4, "big") + body[20:])


def test_the_largest_plaintext_fills_the_message_and_one_byte_more_is_refused() -> None:
    assert len(ours(bytes(MAX_PLAINTEXT))) == MAX_BODY
    with pytest.raises(PlaintextTooLarge, match="1 over"):
        ours(bytes(MAX_PLAINTEXT + 1))


def off_the_curve() -> bytes:
    return P256DH[:-1] + bytes([P256DH[-1] ^ 1])


def encoded(x: int, y: int) -> bytes:
    return b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def a_point_with_a_small_x() -> tuple[int, int]:
    """Return one whose x has room for the modulus above it in 32 bytes."""
    for x in range(1, 100):
        square = (x**3 - 3 * x + B) % P
        y = pow(square, (P + 1) // 4, P)  # a root, if there is one: P is 3 modulo 4
        if y * y % P == square:
            return x, y
    raise AssertionError("half of all numbers are squares")


# SEC 2 section 2.4.2
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
SMALL_X, ITS_Y = a_point_with_a_small_x()
# A root of the cubic x³ - 3x + b - 5² modulo P.
ITS_X, SMALL_Y = 0xD7325D7646CD60D80A92738CEB345F844CFFAF35841022CAB176F692DE8DE1D7, 5


@pytest.mark.parametrize(
    ("p256dh", "auth", "complaint"),
    [
        pytest.param(point(RECEIVER, "CompressedPoint"), AUTH, "uncompressed", id="compressed"),
        pytest.param(b"\x02" + P256DH[1:], AUTH, "uncompressed", id="first byte"),
        pytest.param(P256DH[:-1], AUTH, "uncompressed", id="short point"),
        pytest.param(P256DH + b"\x00", AUTH, "uncompressed", id="long point"),
        pytest.param(b"", AUTH, "uncompressed", id="no point"),
        pytest.param(b"\x04" + bytes(64), AUTH, "on the curve", id="zero"),
        pytest.param(off_the_curve(), AUTH, "on the curve", id="off the curve"),
        pytest.param(encoded(SMALL_X + P, ITS_Y), AUTH, "on the curve", id="x beyond the modulus"),
        pytest.param(encoded(ITS_X, SMALL_Y + P), AUTH, "on the curve", id="y beyond the modulus"),
        pytest.param(P256DH, AUTH[:-1], "auth has 15 bytes", id="short auth"),
        pytest.param(P256DH, AUTH + b"\x00", "auth has 17 bytes", id="long auth"),
    ],
)
def test_bad_keys_are_refused_at_both_doors(p256dh: bytes, auth: bytes, complaint: str) -> None:
    with pytest.raises(BadSubscriptionKeys, match=complaint):
        check_subscription_keys(p256dh, auth)
    with pytest.raises(BadSubscriptionKeys, match=complaint):
        encrypt(b"text", p256dh=p256dh, auth=auth, sender_key=SENDER, salt=SALT)


@pytest.mark.parametrize(
    "p256dh",
    [
        pytest.param(P256DH, id="the RFC's"),
        pytest.param(encoded(SMALL_X, ITS_Y), id="a small x"),
        pytest.param(encoded(SMALL_X, P - ITS_Y), id="its mirror image"),
        pytest.param(encoded(ITS_X, SMALL_Y), id="a small y"),
    ],
)
def test_good_keys_pass(p256dh: bytes) -> None:
    check_subscription_keys(p256dh, AUTH)
    assert encrypt(b"text", p256dh=p256dh, auth=AUTH, sender_key=SENDER, salt=SALT)


@given(secret=st.integers(1, 2**255), at=st.integers(0, 64), bit=st.integers(-1, 7))
def test_the_keys_are_judged_as_the_library_judges_them(secret: int, at: int, bit: int) -> None:
    spoilt = bytearray(point(ec.derive_private_key(secret, CURVE)))
    spoilt[at] ^= 0 if bit < 0 else 1 << bit
    try:
        if spoilt[0] == 4:
            ec.EllipticCurvePublicKey.from_encoded_point(CURVE, bytes(spoilt))
        is_good = spoilt[0] == 4
    except ValueError:
        is_good = False

    try:
        check_subscription_keys(bytes(spoilt), AUTH)
    except BadSubscriptionKeys:
        assert not is_good
    else:
        assert is_good
