"""Voluntary application server identification: RFC 8292, signing and verifying."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tocsin.webpush import base64url

DAY_S: Final = 86_400  # RFC 8292 section 2: exp is at most 24 hours from the request
LIFE_S: Final = 12 * 3600
# A token is given up this long before its end, so that a push service whose clock
# runs ahead still takes it, and once its end lies further off than our clock can have put it.
MARGIN_MS: Final = 3600 * 1000
FARTHEST_MS: Final = DAY_S * 1000 - MARGIN_MS

_CURVE: Final = ec.SECP256R1()
_ES256: Final = ec.ECDSA(SHA256())
_HEADER: Final = base64url.encode(b'{"typ":"JWT","alg":"ES256"}')
_PARAMETER: Final = re.compile(r"[ \t]*([a-z]+)[ \t]*=[ \t]*\"?([A-Za-z0-9._-]+={0,2})\"?[ \t]*")
_SUBJECT: Final = re.compile(r"mailto:[^\s@]+@[^\s@]+|https://[^\s/]+\S*")


class VapidRefused(ValueError):
    """The Authorization header does not identify an application server; says why."""


@dataclass(frozen=True, slots=True)
class VapidClaims:
    """Who sent a push, as its token says. public_key is base64url of the uncompressed point."""

    public_key: str
    audience: str
    subject: str
    expires_ms: int


def load_private_key(raw: bytes) -> ec.EllipticCurvePrivateKey:
    """Return the P-256 private key that *raw*, 32 bytes big-endian, stands for.

    Raises ValueError when it is no such key.
    """
    if len(raw) != 32:
        raise ValueError(f"a P-256 private key has 32 bytes, not {len(raw)}")
    return ec.derive_private_key(int.from_bytes(raw, "big"), _CURVE)


def dump_private_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return *key* as 32 bytes, big-endian."""
    return key.private_numbers().private_value.to_bytes(32, "big")


def public_key_text(key: ec.EllipticCurvePublicKey) -> str:
    """Return *key* as base64url of its uncompressed point: ``applicationServerKey``."""
    return base64url.encode(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


class Signer:
    """Signs for one VAPID key pair."""

    def __init__(self, private_key: ec.EllipticCurvePrivateKey) -> None:
        self._private_key = private_key
        self.public_key: Final = public_key_text(private_key.public_key())

    def authorization(self, origin: str, *, subject: str, now_ms: int, life_s: int) -> str:
        """Return the Authorization value that identifies us to the push service at *origin*.

        subject: a ``mailto:`` or ``https:`` address of the operator. life_s: seconds.
        Raises ValueError when *life_s* is over the RFC's 24 hours, *origin* is no origin,
        or *subject* is no address.
        Source: RFC 8292 section 2 (the claims), section 3 (the form).
        """
        if not 0 < life_s <= DAY_S:
            raise ValueError(f"a token cannot live {life_s} s: at most {DAY_S}")
        parts = urlsplit(origin)
        if f"{parts.scheme}://{parts.netloc}" != origin or not parts.hostname:
            raise ValueError(f"{origin!r} is not an origin")
        if _SUBJECT.fullmatch(subject) is None:
            raise ValueError(f"{subject!r} is neither a mailto: nor an https: address")
        claims = {"aud": origin, "exp": now_ms // 1000 + life_s, "sub": subject}
        body = json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()
        signed = f"{_HEADER}.{base64url.encode(body)}"
        return f"vapid t={signed}.{self._signature(signed)}, k={self.public_key}"

    def _signature(self, signed: str) -> str:
        """Return the JWS form of an ES256 signature, r and s of 32 bytes (RFC 7518 section 3.4)."""
        r, s = decode_dss_signature(self._private_key.sign(signed.encode("ascii"), _ES256))
        return base64url.encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


class Authorizations:
    """Authorization values by origin and key, signed once and used for hours.

    Not for several threads: each sender has its own. When full, the oldest goes.
    """

    def __init__(self, *, subject: str, capacity: int = 4096) -> None:
        self._subject = subject
        self._capacity = capacity
        self._kept: dict[tuple[str, str], tuple[int, str]] = {}

    def value(self, origin: str, signer: Signer, *, now_ms: int) -> str:
        """Return an Authorization value for *origin* that is good for an hour at least."""
        pair = (origin, signer.public_key)
        kept = self._kept.get(pair)
        if kept is not None and MARGIN_MS <= kept[0] - now_ms <= FARTHEST_MS:
            return kept[1]
        value = signer.authorization(origin, subject=self._subject, now_ms=now_ms, life_s=LIFE_S)
        self._kept.pop(pair, None)
        while len(self._kept) >= self._capacity:
            del self._kept[next(iter(self._kept))]
        self._kept[pair] = (now_ms + LIFE_S * 1000, value)
        return value

    def __len__(self) -> int:
        return len(self._kept)


def verify(header: str, *, audience: str, now_ms: int) -> VapidClaims:
    """Return what the Authorization *header* claims, after checking all of it.

    audience: the push service's own origin.
    Raises VapidRefused with a sentence that says what is wrong.
    Source: RFC 8292 sections 2, 3 and 4.2; RFC 7515 section 5.2.
    """
    token, key_text = _parameters(header)
    head, body, signature = _three_parts(token)
    if _object(head, "header").get("alg") != "ES256":
        raise VapidRefused("the token is not signed with ES256")
    key = _public_key(key_text)
    raw = _bytes(signature, "signature")
    if len(raw) != 64:
        raise VapidRefused(f"an ES256 signature has 64 bytes, not {len(raw)}")
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        key.verify(der, f"{head}.{body}".encode("ascii"), _ES256)
    except InvalidSignature as error:
        raise VapidRefused("the signature does not fit the token and the key k") from error
    return _claims(_object(body, "claims"), public_key_text(key), audience, now_ms)


def check_expiry(claims: VapidClaims, *, now_ms: int) -> None:
    """Raise VapidRefused when *claims*, verified before, are too old or too far ahead now."""
    if claims.expires_ms <= now_ms:
        raise VapidRefused("the token has expired: exp has gone by")
    if claims.expires_ms > now_ms + DAY_S * 1000:
        raise VapidRefused("exp is more than 24 hours ahead")


def _claims(claims: dict[str, Any], key: str, audience: str, now_ms: int) -> VapidClaims:
    aud, exp, subject = claims.get("aud"), claims.get("exp"), claims.get("sub", "")
    if audience not in (aud if isinstance(aud, list) else [aud]):
        raise VapidRefused(f"aud is {aud!r}, this push service is {audience!r}")
    if isinstance(exp, bool) or not isinstance(exp, int):
        raise VapidRefused("exp is not a whole number of seconds")
    if not isinstance(subject, str):
        raise VapidRefused("sub is not a text")
    found = VapidClaims(public_key=key, audience=audience, subject=subject, expires_ms=exp * 1000)
    check_expiry(found, now_ms=now_ms)
    return found


def _parameters(header: str) -> tuple[str, str]:
    """Return t and k of a ``vapid`` header (RFC 8292 section 3), others being ignored."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "vapid":
        raise VapidRefused("the scheme is not vapid")
    found: dict[str, str] = {}
    for piece in rest.split(","):
        match = _PARAMETER.fullmatch(piece)
        if match is None or match[1] in found:
            raise VapidRefused("the parameters are not of the form t=..., k=...")
        found[match[1]] = match[2]
    if "t" not in found or "k" not in found:
        raise VapidRefused("t or k is missing")
    return found["t"], found["k"]


def _three_parts(token: str) -> tuple[str, str, str]:
    parts = token.split(".")
    if len(parts) != 3:
        raise VapidRefused("the token does not have three parts")
    return parts[0], parts[1], parts[2]


def _bytes(text: str, what: str) -> bytes:
    try:
        return base64url.decode(text)
    except ValueError as error:
        raise VapidRefused(f"the {what} is not base64url: {error}") from error


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(text, what))
    except (ValueError, RecursionError) as error:
        if isinstance(error, VapidRefused):
            raise
        raise VapidRefused(f"the {what} is not JSON") from error
    if not isinstance(found, dict):
        raise VapidRefused(f"the {what} is not a JSON object")
    return found


def _public_key(text: str) -> ec.EllipticCurvePublicKey:
    point = _bytes(text, "key k")
    if len(point) != 65 or point[0] != 0x04:
        raise VapidRefused("k is not an uncompressed point of 65 bytes")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    except ValueError as error:
        raise VapidRefused("k is not a point on the curve P-256") from error
