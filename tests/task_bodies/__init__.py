"""The catalogue of create bodies of push tasks, good and bad, written from the contract.

The readers are held to it as functions, and the HTTP face with the same rows over real requests.
"""

from itertools import chain
from typing import Final

from task_bodies import adex, macros, message, schedule, targeting, task
from task_bodies.rows import Bad, Good

_SECTIONS: Final = (task, schedule, message, macros, targeting, adex)

GOOD: Final[list[Good]] = [*chain.from_iterable(section.GOOD for section in _SECTIONS)]
BAD: Final[list[Bad]] = [*chain.from_iterable(section.BAD for section in _SECTIONS)]
# What only the server knows: ids and hosts that name nothing in the account.
UNKNOWN: Final[list[Bad]] = [*targeting.UNKNOWN, *adex.UNKNOWN]
