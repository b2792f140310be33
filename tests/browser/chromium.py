"""Drives Debian's Chromium: pushes, notifications and clicks of a real browser, without a network.

A push is handed to the service worker by the DevTools protocol, in plaintext, as the browser itself
would after decryption. What cannot be had offline is a subscription, for its network side is
Google's: `fake_push.js` stands in for that side alone.
"""

import base64
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import BrowserContext, CDPSession, Page, Worker, sync_playwright

CHROMIUM = shutil.which("chromium")
LANGUAGE = "sr-RS"
TIME_ZONE = "Europe/Belgrade"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_S = 10.0

_FAKE_PUSH = Path(__file__).with_name("fake_push.js").read_text()

# A script's own event is not trusted and refuses waitUntil, so the event is given one.
_DISPATCH = """async ([kind, title, action]) => {
    const shown = await self.registration.getNotifications();
    const notification = shown.find((each) => each.title === title);
    const event = new NotificationEvent(kind, { notification, action });
    let work;
    event.waitUntil = (promise) => { work = promise; };
    self.dispatchEvent(event);
    await work;
}"""

_CHANGE = """async () => {
    const event = new Event('pushsubscriptionchange');
    let work;
    event.waitUntil = (promise) => { work = promise; };
    self.dispatchEvent(event);
    await work;
}"""

_SHOWN = """async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    return (await registration.getNotifications()).map((each) => ({
        title: each.title, body: each.body, icon: each.icon, image: each.image, badge: each.badge,
        tag: each.tag, requireInteraction: each.requireInteraction, renotify: each.renotify,
        silent: each.silent, vibrate: each.vibrate, data: each.data,
        actions: each.actions.map(({ action, title, icon }) => ({ action, title, icon })),
    }));
}"""

Found = TypeVar("Found")


def a_key() -> str:
    """Return a fresh P-256 public key as base64url: a browser's p256dh, or a VAPID key."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def fake_push_script(subscription: dict[str, Any] | None = None) -> str:
    """Return the script that stands in for the push service: it subscribes to *subscription*.

    Without one it makes up keys, and an address for each subscription.
    """
    if subscription is not None:
        keys = subscription["keys"]
        chosen = [keys["p256dh"], keys["auth"], subscription["endpoint"]]
    else:
        auth = base64.urlsafe_b64encode(bytes(range(16))).rstrip(b"=").decode()
        chosen = [a_key(), auth, None]
    return f"({_FAKE_PUSH.strip()})({json.dumps(chosen)})"


class Visitor:
    """One page of the browser, at one origin, and what the origin's worker shows."""

    def __init__(self, page: Page, devtools: CDPSession, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.host = origin.split("/")[2].partition(":")[0]
        self._devtools = devtools
        self._registrations: dict[str, str] = {}
        self.displayed: list[str] = []
        page.add_init_script(fake_push_script())
        devtools.on("ServiceWorker.workerRegistrationUpdated", self._note)
        devtools.send("ServiceWorker.enable")
        devtools.on("BackgroundService.backgroundServiceEventReceived", self._note_display)
        devtools.send("BackgroundService.startObserving", {"service": "notifications"})
        devtools.send(
            "BackgroundService.setRecording", {"service": "notifications", "shouldRecord": True}
        )

    def _note(self, event: dict[str, Any]) -> None:
        for each in event["registrations"]:
            self._registrations[each["scopeURL"]] = each["registrationId"]

    def _note_display(self, event: dict[str, Any]) -> None:
        seen = event["backgroundServiceEvent"]
        if seen["origin"].rstrip("/") == self.origin and seen["eventName"].endswith("displayed"):
            self.displayed += [
                each["value"] for each in seen["eventMetadata"] if each["key"] == "Title"
            ]

    def permit(self, setting: str) -> None:
        """Answer the permission question beforehand: granted, denied or prompt."""
        self._devtools.send(
            "Browser.setPermission",
            {"permission": {"name": "notifications"}, "setting": setting, "origin": self.origin},
        )

    def visit(self, path: str = "/") -> None:
        """Load a page of the site, and wait until its tag has done what a visit asks for."""
        self.page.goto(self.origin + path)
        self.page.evaluate(
            "Tocsin.status().then(() => navigator.locks.request('tocsin', () => {}))"
        )

    def deliver_push(self, data: object) -> None:
        """Hand one push to the worker: text as it is, anything else as JSON."""
        scope = f"{self.origin}/"
        self.until(lambda: scope in self._registrations, what="a registration")
        self._devtools.send(
            "ServiceWorker.deliverPushMessage",
            {
                "origin": self.origin,
                "registrationId": self._registrations[scope],
                "data": data if isinstance(data, str) else json.dumps(data),
            },
        )

    def notifications(self) -> list[dict[str, Any]]:
        """Return what the site's registration shows now."""
        shown: list[dict[str, Any]] = self.page.evaluate(_SHOWN)
        return shown

    def notification(self, title: str) -> dict[str, Any]:
        """Return the notification with *title*, once it is shown.

        It waits for the browser's own word: a page that asks for the notifications while one is
        being put on the screen makes Chromium forget that one.
        """
        self.until(lambda: title in self.displayed, what=f"a notification {title!r}")
        return next(each for each in self.notifications() if each["title"] == title)

    def worker(self) -> Worker:
        """Return the site's running service worker."""
        running = self.until(
            lambda: [w for w in self.page.context.service_workers if w.url.startswith(self.origin)],
            what="a service worker",
        )
        return running[-1]

    def workers(self) -> list[str]:
        """Return the addresses of the workers that run in the browser, of all sites."""
        return [one.url for one in self.page.context.service_workers]

    def click(self, title: str, action: str = "") -> None:
        """Dispatch a synthetic click on a notification or, by *action*, on its button."""
        self.worker().evaluate(_DISPATCH, ["notificationclick", title, action])

    def dismiss(self, title: str) -> None:
        """Dispatch a synthetic close of a notification."""
        self.worker().evaluate(_DISPATCH, ["notificationclose", title, ""])

    def lose_subscription(self) -> None:
        """Let the browser drop the subscription and say so to the worker."""
        self.worker().evaluate(fake_push_script())
        self.worker().evaluate(_CHANGE)

    def until(self, look: Callable[[], Found], *, what: str) -> Found:
        """Return the first truthy answer of *look*, letting the browser's events in meanwhile."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := look()):
            assert time.monotonic() < deadline, f"{what} did not come in {PATIENCE_S:g} s"
            self.page.wait_for_timeout(10)
        return found


@contextmanager
def chromium(profile: Path, *, bus: str | None = None) -> Iterator[BrowserContext]:
    """Yield a running browser whose profile is the new directory *profile*.

    bus: the address of a D-Bus whose notification service shows what the browser shows.
    """
    environment = dict(os.environ)
    if bus:
        environment["DBUS_SESSION_BUS_ADDRESS"] = bus
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            args=list(FLAGS),
            env=environment,
            locale=LANGUAGE,
            timezone_id=TIME_ZONE,
        )
        try:
            yield context
        finally:
            context.close()


@contextmanager
def visitor(context: BrowserContext, origin: str) -> Iterator[Visitor]:
    """Yield a visitor of *origin* who has allowed notifications."""
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    try:
        guest = Visitor(page, devtools, origin)
        guest.permit("granted")
        yield guest
    finally:
        page.close()
