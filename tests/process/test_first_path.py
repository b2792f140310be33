"""The whole first path with real processes: curl, server, workers, push service."""

from pathlib import Path

from programs import Programs
from rig import TITLES, Rig

PEOPLE = 20_000
_TASK = {
    "name": "Good news",
    "status": 1,
    "start_time": "immediately",
    "ttl": "3600",
    "urgency": "high",
    "message": {
        "title": TITLES,
        "body": {"en": "It is here."},
        "landing_url": "https://www.example.com/news",
    },
    "targeting": {
        "countries": {"op": "exclude", "items": ["US", "ES"]},
        "browsers": {"op": "include", "items": ["12", "1"]},
    },
}


def _title(language: str) -> str:
    """Return what RFC 4647 lookup finds among TITLES, told independently of the product."""
    return {
        "de": TITLES["de"],
        "sr": TITLES["sr"],
        "pt-BR": TITLES["pt-BR"],
    }.get(language, TITLES["de"] if language.startswith("de-") else TITLES["en"])


def test_each_eligible_subscriber_gets_one_message_in_their_language(
    programs: Programs, database_url: str, tmp_path: Path
) -> None:
    rig = Rig.build(programs, database_url, tmp_path)
    people = rig.subscribe_virtual(PEOPLE)

    execution = rig.until_done(rig.post(_TASK))

    eligible = {
        n: person["language"]
        for n, person in enumerate(people)
        if person["country"] not in ("US", "ES") and person["browser"] in ("Chrome", "Firefox")
    }
    assert 1000 < len(eligible) < PEOPLE  # the targeting leaves some in and some out
    assert len(set(eligible.values())) > 3
    got = {line["n"]: line for line in rig.report("/subscribers")}
    assert got.keys() == eligible.keys()
    assert {n: line["titles"] for n, line in got.items()} == {
        n: [_title(language)] for n, language in eligible.items()
    }
    totals = rig.report()
    assert totals["received"] == len(eligible)
    assert totals["violations"] == []
    assert execution["counters"] == {
        "total_user": len(eligible),
        "delivered": len(eligible),
        "failed": 0,
        "push_unsubscriptions": 0,
        "expired": 0,
        "suppressed": 0,
        "cancelled": 0,
        "pending": 0,
        "wokenup": 0,
        "impression": 0,
        "total_click": 0,
        "click": 0,
        "action_0": 0,
        "action_1": 0,
        "action_2": 0,
        "close": 0,
    }
    assert "ok   the audience index" in rig.tocsin("doctor")
