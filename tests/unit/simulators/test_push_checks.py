"""The cache of verified tokens must not outlive what it verified."""

import pytest

from tocsin.simulators import push_checks
from tocsin.simulators.push_checks import Tokens
from tocsin.webpush.vapid import Signer, VapidRefused, load_private_key

ORIGIN = "https://push.example"
NOW_MS = 1_800_000_000_000
HEADER = Signer(load_private_key(bytes(31) + b"\x07")).authorization(
    ORIGIN, subject="mailto:a@b.example", now_ms=NOW_MS, life_s=60
)


def test_a_token_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens()
    first = tokens.verify(HEADER, audience=ORIGIN, now_ms=NOW_MS)
    monkeypatch.delattr(push_checks, "verify")

    assert tokens.verify(HEADER, audience=ORIGIN, now_ms=NOW_MS + 59_000) is first


@pytest.mark.parametrize(
    ("audience", "now_ms"),
    [
        pytest.param(ORIGIN, NOW_MS + 60_000, id="expired since"),
        pytest.param(ORIGIN, NOW_MS - 86_400_000, id="the clock went back"),
        pytest.param("https://other.example", NOW_MS, id="another audience"),
    ],
)
def test_a_verified_token_is_still_checked(audience: str, now_ms: int) -> None:
    tokens = Tokens()
    tokens.verify(HEADER, audience=ORIGIN, now_ms=NOW_MS)

    with pytest.raises(VapidRefused):
        tokens.verify(HEADER, audience=audience, now_ms=now_ms)


def test_the_tokens_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_checks, "_TOKENS_KEPT", 2)
    signer = Signer(load_private_key(bytes(31) + b"\x07"))
    tokens = Tokens()
    for number in range(5):
        origin = f"https://{number}.example"
        header = signer.authorization(origin, subject="mailto:a@b.example", now_ms=NOW_MS, life_s=9)
        tokens.verify(header, audience=origin, now_ms=NOW_MS)

    assert len(tokens) <= 2
