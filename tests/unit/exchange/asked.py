"""Sources and questions of the tests: everything said, or next to nothing."""

from typing import Any

from tocsin.exchange.question import Question, Source


def source(protocol: str = "feed", url: str = "https://ads.example/feed", **given: Any) -> Source:
    known = {"headers": {}, "timeout_ms": 300, "bid_floor_micros": None} | given
    return Source(protocol, url, **known)


def question(**given: Any) -> Question:
    """Return a question in which everything is said that is not in *given*."""
    known: dict[str, Any] = {
        "user_agent": "Mozilla/5.0 (Linux; Android 14)",
        "address": "198.51.100.7",
        "language": "pt-BR",
        "page": "https://www.example.com/",
        "number": 2,
        "task_id": 42,
        "subscriber_id": "7",
        "campaign_ids": ("11", "12"),
        "group_ids": ("21",),
        "account_ids": ("31", "32"),
        "user_data": {"plan": "gold", "ages": [30, 31.5, True], "none": None, "empty": []},
    }
    return Question(**(known | given))


def quiet_question(**given: Any) -> Question:
    """Return a question in which nothing is said that may be left out."""
    known: dict[str, Any] = {"user_agent": "", "address": "", "language": None, "page": None}
    return Question(**(known | {"number": 1, "task_id": 42} | given))
