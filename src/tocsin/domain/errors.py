"""What can go wrong by rule. Facts are fields; HTTP is unknown here (web/problems.py maps it)."""

from dataclasses import dataclass
from typing import ClassVar, Final

NO_MEMORY: Final = "the server has no memory left for this: try again in a moment"
"""Why something is Unavailable, wherever that shows: as a request is read, or worked on."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request body: the path of its field, and a sentence."""

    field: str
    message: str


class TocsinError(Exception):
    """The root of every error that a caller can be told about."""

    code: ClassVar[str] = "error"


@dataclass(eq=False)
class Invalid(TocsinError):
    """The request breaks rules of the contract; every fault found is listed."""

    code: ClassVar[str] = "invalid"
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        first = self.faults[0]
        sentence = f"{first.field}: {first.message}" if first.field else first.message
        others = len(self.faults) - 1
        if not others:
            return sentence
        return f"{sentence} (and {others} more fault{'s' if others > 1 else ''})"


@dataclass(eq=False)
class Unreadable(TocsinError):
    """The body is not the JSON that the contract takes."""

    code: ClassVar[str] = "unreadable"
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class BodyTooLarge(TocsinError):
    """The body is longer than the door allows."""

    code: ClassVar[str] = "body_too_large"
    limit_bytes: int

    def __str__(self) -> str:
        return f"the request body is larger than {self.limit_bytes} bytes"


@dataclass(eq=False)
class UnsupportedMediaType(TocsinError):
    """The body is of a media type or an encoding that this route does not read."""

    code: ClassVar[str] = "unsupported_media_type"
    found: str
    wanted: str

    def __str__(self) -> str:
        return f"cannot read {self.found}: send {self.wanted}"


@dataclass(eq=False)
class NotFound(TocsinError):
    """Nothing with this id is visible to the caller."""

    code: ClassVar[str] = "not_found"
    what: str
    id: str

    def __str__(self) -> str:
        return f"there is no {self.what} {self.id}"


@dataclass(eq=False)
class Conflict(TocsinError):
    """The request is well-formed, but what it asks does not go with what is there."""

    code: ClassVar[str] = "conflict"
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class Gone(TocsinError):
    """What is asked for could be had once, and no more."""

    code: ClassVar[str] = "gone"
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class TooManyRequests(TocsinError):
    """The account has used up what it may ask for in a window of time."""

    code: ClassVar[str] = "too_many_requests"
    limit: int
    window_s: int
    retry_after_s: int

    def __str__(self) -> str:
        window = "second" if self.window_s == 1 else f"{self.window_s} seconds"
        return (
            f"the account may make {self.limit} requests in a {window}: "
            f"try again in {self.retry_after_s} s"
        )


@dataclass(eq=False)
class Unavailable(TocsinError):
    """Nothing can be done now, through no fault of the caller: the database is away, say."""

    code: ClassVar[str] = "unavailable"
    reason: str
    retry_after_s: int = 1

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class Unauthorized(TocsinError):
    """The credential is missing, unknown, expired or revoked."""

    code: ClassVar[str] = "unauthorized"
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class Forbidden(TocsinError):
    """The credential is good, but not for this."""

    code: ClassVar[str] = "forbidden"
    reason: str

    def __str__(self) -> str:
        return self.reason
