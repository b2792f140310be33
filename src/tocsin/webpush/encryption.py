"""Message encryption for Web Push: RFC 8291 keys in one RFC 8188 aes128gcm record."""

from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# RFC 8291 section 4: a push service need not take more than 4096 bytes. 86 of them are
# the header (salt 16, record size 4, key length 1, key 65), 1 the delimiter, 16 the tag.
MAX_BODY: Final = 4096
MAX_PLAINTEXT: Final = 3993

_SALT_BYTES: Final = 16
_AUTH_BYTES: Final = 16
_POINT_BYTES: Final = 65
_TAG_BYTES: Final = 16
_SMALLEST_RECORD: Final = 18  # RFC 8188 section 2: delimiter, tag and one byte
_RECORD_SIZE: Final = MAX_BODY.to_bytes(4, "big")
_LAST_RECORD: Final = b"\x02"  # RFC 8188 section 2: the delimiter of the last record

# The infos of RFC 8291 section 3.4 and RFC 8188 sections 2.2 and 2.3. Each output fits one
# block of SHA-256, so HKDF-Expand is a single HMAC over the info and the counter 0x01.
_KEY_INFO: Final = b"WebPush: info\x00"
_CEK_INFO: Final = b"Content-Encoding: aes128gcm\x00\x01"
_NONCE_INFO: Final = b"Content-Encoding: nonce\x00\x01"
_FIRST_BLOCK: Final = b"\x01"

_BLOCK_BYTES: Final = 64  # of SHA-256
_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))

# P-256 is y² = x³ - 3x + b over the integers modulo p (SEC 2 section 2.4.2).
_P: Final = 0xFFFFFFFF_00000001_00000000_00000000_00000000_FFFFFFFF_FFFFFFFF_FFFFFFFF
_B: Final = 0x5AC635D8_AA3A93E7_B3EBBD55_769886BC_651D06B0_CC53B0F6_3BCE3C3E_27D2604B
_NOT_UNCOMPRESSED: Final = "not an uncompressed point: 65 bytes, the first of them 0x04"
_CURVE: Final = ec.SECP256R1()
_ECDH: Final = ec.ECDH()
_X962: Final = Encoding.X962
_UNCOMPRESSED: Final = PublicFormat.UncompressedPoint


class BadSubscriptionKeys(ValueError):
    """The p256dh or auth of a subscription is not what RFC 8291 section 3 asks for."""


class PlaintextTooLarge(ValueError):
    """The payload does not fit the 4096 bytes of a push message."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes are {size - MAX_PLAINTEXT} over the {MAX_PLAINTEXT}")
        self.size = size


class Undecryptable(ValueError):
    """The body is malformed, or was not encrypted for this subscription."""


def encrypt(
    plaintext: bytes,
    *,
    p256dh: bytes,
    auth: bytes,
    sender_key: ec.EllipticCurvePrivateKey,
    salt: bytes,
) -> bytes:
    """Return the whole body of a push: the aes128gcm header and its one record.

    p256dh, auth: the subscription's keys, 65 and 16 bytes. sender_key: a key on P-256
    made for this message alone. salt: 16 bytes, unpredictable, for this message alone.
    Raises PlaintextTooLarge, and BadSubscriptionKeys for keys that check_subscription_keys
    would refuse.
    Source: RFC 8291 sections 3 and 4.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise PlaintextTooLarge(len(plaintext))
    secret = sender_key.exchange(_ECDH, _receiver_point(p256dh, auth))
    sender = sender_key.public_key().public_bytes(_X962, _UNCOMPRESSED)
    return seal(plaintext, ikm=_ikm(secret, auth, p256dh, sender), salt=salt, key_id=sender)


def seal(plaintext: bytes, *, ikm: bytes, salt: bytes, key_id: bytes) -> bytes:
    """Return *plaintext* as an aes128gcm body of one record of size 4096.

    Source: RFC 8188 section 2.
    """
    cek, nonce = _content_keys(salt, ikm)
    record = AESGCM(cek).encrypt(nonce, plaintext + _LAST_RECORD, None)
    return b"".join((salt, _RECORD_SIZE, len(key_id).to_bytes(1, "big"), key_id, record))


def decrypt(body: bytes, *, receiver_key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """Return the plaintext of a push *body*, as the browser reads it.

    Raises Undecryptable, with a sentence, for whatever a browser would throw away:
    a truncated header, more than one record, a foreign key, bad padding.
    Source: RFC 8291 section 4, RFC 8188 section 2.
    """
    salt, sender, record = _split(body)
    try:
        point = _point(sender)
    except ValueError as error:
        raise Undecryptable(f"the sender's key: {error}") from error
    receiver = receiver_key.public_key().public_bytes(_X962, _UNCOMPRESSED)
    secret = receiver_key.exchange(_ECDH, point)
    return unseal(record, ikm=_ikm(secret, auth, receiver, sender), salt=salt)


def unseal(record: bytes, *, ikm: bytes, salt: bytes) -> bytes:
    """Return the plaintext of the one *record* of a body, its padding taken off.

    Raises Undecryptable.
    Source: RFC 8188 section 2.
    """
    cek, nonce = _content_keys(salt, ikm)
    try:
        padded = AESGCM(cek).decrypt(nonce, record, None)
    except InvalidTag as error:
        raise Undecryptable("the record was not made for these keys, or was altered") from error
    bare = padded.rstrip(b"\x00")
    if not bare.endswith(_LAST_RECORD):
        raise Undecryptable("the record does not end as the last one must")
    return bare[:-1]


def check_subscription_keys(p256dh: bytes, auth: bytes) -> None:
    """Raise BadSubscriptionKeys, with a sentence, unless a browser could have made these keys.

    Source: RFC 8291 sections 3.1 and 3.2; SEC 1 section 3.2.2.1, whose last step the curve's
    cofactor of 1 spares. It judges as _receiver_point does, in a tenth of the time, for it makes
    no key of the library's: millions are checked when an audience is brought in.
    """
    _check_forms(p256dh, auth)
    x, y = int.from_bytes(p256dh[1:33], "big"), int.from_bytes(p256dh[33:], "big")
    if x >= _P or y >= _P or (y * y - (x * x - 3) * x - _B) % _P:
        raise BadSubscriptionKeys("p256dh: not a point on the curve P-256")


def _check_forms(p256dh: bytes, auth: bytes) -> None:
    if len(auth) != _AUTH_BYTES:
        raise BadSubscriptionKeys(f"auth has {len(auth)} bytes, not {_AUTH_BYTES}")
    if not _is_uncompressed(p256dh):
        raise BadSubscriptionKeys(f"p256dh: {_NOT_UNCOMPRESSED}")


def _receiver_point(p256dh: bytes, auth: bytes) -> ec.EllipticCurvePublicKey:
    _check_forms(p256dh, auth)
    try:
        return _point(p256dh)
    except ValueError as error:
        raise BadSubscriptionKeys(f"p256dh: {error}") from error


def _is_uncompressed(encoded: bytes) -> bool:
    return len(encoded) == _POINT_BYTES and encoded[0] == 0x04


def _point(encoded: bytes) -> ec.EllipticCurvePublicKey:
    """Return a point. The library takes compressed ones as well, which no browser makes."""
    if not _is_uncompressed(encoded):
        raise ValueError(_NOT_UNCOMPRESSED)
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, encoded)
    except ValueError as error:
        raise ValueError("not a point on the curve P-256") from error


def _hmac(key: bytes, message: bytes) -> bytes:
    """Return HMAC-SHA-256 (RFC 2104 section 2) for a *key* of at most 64 bytes.

    Five are needed per message, and the standard library's one-shot call takes three
    times as long: with it a whole encryption is 8 % slower.
    """
    block = key.ljust(_BLOCK_BYTES, b"\x00")
    inner = sha256(block.translate(_INNER_PAD) + message).digest()
    return sha256(block.translate(_OUTER_PAD) + inner).digest()


def _ikm(secret: bytes, auth: bytes, receiver: bytes, sender: bytes) -> bytes:
    """Return the input keying material of RFC 8291 section 3.4."""
    prk = _hmac(auth, secret)
    return _hmac(prk, b"".join((_KEY_INFO, receiver, sender, _FIRST_BLOCK)))


def _content_keys(salt: bytes, ikm: bytes) -> tuple[bytes, bytes]:
    """Return the content-encryption key and the nonce of RFC 8188 sections 2.2 and 2.3.

    The sequence number of the only record is 0, so its nonce is the derived one.
    """
    prk = _hmac(salt, ikm)
    return (
        _hmac(prk, _CEK_INFO)[:16],
        _hmac(prk, _NONCE_INFO)[:12],
    )


def _split(body: bytes) -> tuple[bytes, bytes, bytes]:
    """Return salt, key id and record of *body* (RFC 8188 section 2.1), which has one record."""
    if len(body) < _SALT_BYTES + 5:
        raise Undecryptable(f"{len(body)} bytes are too few for an aes128gcm header")
    record_size = int.from_bytes(body[16:20], "big")
    start = 21 + body[20]
    record = body[start:]
    if record_size < _SMALLEST_RECORD:
        raise Undecryptable(f"a record size of {record_size} is below {_SMALLEST_RECORD}")
    if len(record) <= _TAG_BYTES:
        raise Undecryptable("the body ends before its record does")
    if len(record) > record_size:
        raise Undecryptable("a push message has one record, this body has several")
    return body[:16], body[21:start], record
