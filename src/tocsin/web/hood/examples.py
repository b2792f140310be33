"""Bodies to begin with, as the OpenAPI document shows them: one for each way of using a task."""

from typing import Any, Final

_SITE: Final = "https://www.ocamba.com/"
_MESSAGE: Final[dict[str, Any]] = {
    "title": {"en": "Hello from Del Systems"},
    "body": {"en": "We are glad to introduce you to ocamba platform"},
    "image": {"en": f"{_SITE}images/logo.png"},
    "landing_url": _SITE,
}


def _button(title: str, video: str) -> dict[str, Any]:
    address = f"https://www.youtube.com/watch?v={video}"
    return {"action": None, "icon": None, "title": {"en": title}, "url": address}


def _include(*items: str) -> dict[str, Any]:
    return {"items": list(items), "op": "include"}


CREATE: Final[dict[str, Any]] = {
    "at once, to a narrow audience": {
        "name": "Demo",
        "status": 1,
        "start_time": "immediately",
        "message": {**_MESSAGE, "actions": [_button("Yes", "123"), _button("No", "NO")]},
        "targeting": {
            "accounts": _include("6197120"),
            "application_groups": _include("1383"),
            "applications": _include("www.ocamba.com"),
            "apps": _include("21050"),
            "browsers": _include("12"),
            "countries": _include("CA"),
            "groups": _include("481"),
            "languages": _include("es"),
            "os": _include("12"),
            "regions": _include("2593109", "2525468"),
            "remote_users": _include("Nesto Bilo Sta"),
            "segments": _include("2817"),
            "subscribed_age": {"from": 1, "to": 2},
            "user_data": {
                "example1": _include("AZ BZ"),
                "example2": _include("Test"),
                "example3": _include("Test"),
            },
            "users": _include("123123121312312"),
        },
    },
    "every hour": {
        "name": "Demo",
        "status": 1,
        "start_time": "2030-01-01 12:00:00",
        "frequency": "3600",
        "message": _MESSAGE,
    },
    "Mondays and Fridays at noon, not at night": {
        "name": "Demo",
        "status": 1,
        "start_time": "immediately",
        "cron": "0 12 * * 1,5",
        "message": _MESSAGE,
        "quiet_time": {"from": "0", "to": "4"},
    },
    "every day, from a demand source": {
        "name": "Demo",
        "status": 1,
        "start_time": "immediately",
        "targeting": {"users": _include("16601317995517219702")},
        "adex": {
            "account_id": 123456,
            "campaign_id": ["1011086"],
            "default_campaign_id": 1011086,
            "group_id": ["1723"],
            "number_of_messages": 1,
            "repeat_on_click": 0,
            "zone_id": 3002371,
            "fallback_message": {
                "title": "Important Update Available",
                "body": "Please check your app for the latest updates and features.",
                "image": "https://example.com/images/notification-banner.jpg",
                "icon": "https://example.com/icons/app-icon.png",
                "landing_url": "https://example.com/landing/notification",
                "tag": "urgent-update",
                "require_interaction": "1",
                "renotify": "0",
                "silent": "0",
                "vibration": "100,100",
                "badge": "https://example.com/badges/notification-badge.png",
                "actions": [
                    {
                        "title": "View Details",
                        "icon": "https://example.com/icons/action-icon.png",
                        "url": "https://example.com/action/learn-more",
                    },
                    {"title": "Dismiss", "icon": None, "url": None},
                ],
            },
        },
        "ttl": "3600",
        "user_time_zone": "0",
        "total_user": "0",
        "frequency": "86400",
    },
}
