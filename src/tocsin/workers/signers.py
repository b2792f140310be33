"""The VAPID keys that a sender signs with: read and opened once each."""

from collections.abc import Iterable
from typing import Protocol

from tocsin.domain.container import SealedKey
from tocsin.domain.keyring import Keyring
from tocsin.webpush.vapid import Signer, load_private_key


class Keys(Protocol):
    """Where sealed VAPID pairs are."""

    def vapid_keys(self, key_ids: Iterable[int]) -> list[SealedKey]: ...


class Signers:
    """What signs under each VAPID key, by the key's id, once it was loaded."""

    def __init__(self, keys: Keys, keyring: Keyring) -> None:
        self._keys = keys
        self._keyring = keyring
        self._signers: dict[int, Signer] = {}

    def load(self, key_ids: set[int]) -> None:
        """Have the keys with these ids. Raises Unavailable, CannotUnseal."""
        missing = key_ids - self._signers.keys()
        for sealed in self._keys.vapid_keys(missing) if missing else ():
            raw = self._keyring.unseal(sealed.sealed_private, place=f"vapid/{sealed.container_id}")
            self._signers[sealed.id] = Signer(load_private_key(raw))

    def __getitem__(self, key_id: int) -> Signer:
        return self._signers[key_id]
