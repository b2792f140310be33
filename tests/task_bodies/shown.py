"""What a view must show of a body that was taken."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final


def differences(sent: Any, shown: Any, path: str = "") -> list[str]:
    """Return the places at which *shown*, a view of a task, is not what was *sent*.

    Only what was sent is looked at. Numbers and their decimal text are the same, null is absent.
    """
    name = path.rpartition(".")[2]
    if name in _SHOWN_AS and sent is not None:
        sent = _SHOWN_AS[name](sent)
    if isinstance(sent, dict) and isinstance(shown, Mapping):
        return [
            place
            for key, value in sent.items()
            for place in differences(value, shown.get(key), f"{path}.{key}" if path else key)
        ]
    if isinstance(sent, list) and isinstance(shown, list) and len(sent) == len(shown):
        return [
            place
            for number, (one, other) in enumerate(zip(sent, shown, strict=True))
            for place in differences(one, other, f"{path}.{number}")
        ]
    return [] if _says_nothing(sent) or _text(sent) == _text(shown) else [path]


def _says_nothing(sent: Any) -> bool:
    return sent is None or (isinstance(sent, dict) and all(map(_says_nothing, sent.values())))


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _gmt(text: str) -> str:
    if "T" not in text and not text.endswith("z"):
        return text
    moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _hour(value: Any) -> Any:
    return "0" if str(value) == "24" else value


def _quiet(value: Any) -> Any:
    return {key: _hour(hour) for key, hour in value.items()}


_OPS: Final = {"eq": "include", "neq": "exclude"}
# Of these the view has one spelling where a body may have several (contract.md 2.1 to 2.4).
_SHOWN_AS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "action": lambda _: None,  # deprecated and dropped
    "total_user": lambda cap: None if str(cap) == "0" else cap,
    "start_time": _gmt,
    "end_time": _gmt,
    "quiet_time": _quiet,
    "op": lambda op: _OPS.get(op, op),
    "account_id": lambda ids: ids if isinstance(ids, list) else [ids],
}
