"""The keyring: what is sealed opens in its place with its key, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.keyring import NONCE_BYTES, CannotUnseal, Keyring

OURS, THEIRS = Keyring(b"o" * 32), Keyring(b"t" * 32)
NONCE = b"n" * NONCE_BYTES


@given(st.binary(), st.text(), st.binary(min_size=NONCE_BYTES, max_size=NONCE_BYTES))
def test_a_sealed_value_opens_in_its_place(plain: bytes, place: str, nonce: bytes) -> None:
    sealed = OURS.seal(plain, place=place, nonce=nonce)

    assert OURS.unseal(sealed, place=place) == plain


@given(st.binary(min_size=16))
def test_a_sealed_value_does_not_show_what_is_in_it(plain: bytes) -> None:
    assert plain not in OURS.seal(plain, place="vapid/1", nonce=NONCE)


def test_another_place_or_another_key_opens_nothing() -> None:
    sealed = OURS.seal(b"secret", place="vapid/1", nonce=NONCE)

    with pytest.raises(CannotUnseal, match="the key of vapid/2 cannot be opened"):
        OURS.unseal(sealed, place="vapid/2")
    with pytest.raises(CannotUnseal):
        THEIRS.unseal(sealed, place="vapid/1")


@given(st.integers(0, NONCE_BYTES + 6 + 16 - 1), st.integers(1, 255))
def test_a_flipped_byte_opens_nothing(position: int, mask: int) -> None:
    sealed = bytearray(OURS.seal(b"secret", place="vapid/1", nonce=NONCE))
    sealed[position] ^= mask

    with pytest.raises(CannotUnseal):
        OURS.unseal(bytes(sealed), place="vapid/1")


@given(st.binary(max_size=64))
def test_rubbish_opens_nothing(sealed: bytes) -> None:
    with pytest.raises(CannotUnseal):
        OURS.unseal(sealed, place="vapid/1")


@pytest.mark.parametrize("length", [0, 8, 11, 13, 16])
def test_a_nonce_of_another_length_would_never_open_again(length: int) -> None:
    with pytest.raises(ValueError, match="a nonce has 12 bytes"):
        OURS.seal(b"secret", place="vapid/1", nonce=b"n" * length)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_secret_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="not 32"):
        Keyring(b"s" * length)


def test_each_purpose_has_a_key_of_its_own() -> None:
    keys = {OURS.message_token, OURS.topic, THEIRS.message_token, THEIRS.topic}

    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)
    assert Keyring(b"o" * 32).message_token == OURS.message_token


@given(st.integers(0, (1 << 64) - 1))
def test_a_subscribers_secret_is_their_own(subscriber_id: int) -> None:
    secret = OURS.subscriber_secret(subscriber_id)

    assert len(secret) == 24
    assert secret == OURS.subscriber_secret(subscriber_id)
    assert secret != OURS.subscriber_secret(subscriber_id ^ 1)
    assert secret != THEIRS.subscriber_secret(subscriber_id)
