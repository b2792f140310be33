"""Python loads this before a program that has its directory on PYTHONPATH: a poisoned sender.

It is killed as it encrypts for one subscription, as it would be by a fault in a library.
"""

import os
import signal
from typing import Any, Final

from tocsin.webpush import encryption

# The name is without a prefix of the program's own: such variables are settings.
POISON: Final = bytes.fromhex(os.environ["POISON_P256DH"])
_encrypt: Final = encryption.encrypt


def _poisoned(*arguments: Any, p256dh: bytes, **named: Any) -> bytes:
    if p256dh == POISON:
        os.kill(os.getpid(), signal.SIGKILL)
    return _encrypt(*arguments, p256dh=p256dh, **named)


encryption.encrypt = _poisoned
