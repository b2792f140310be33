"""The contract's dialect of cron."""

from typing import Final

MAX_LENGTH: Final = 100
