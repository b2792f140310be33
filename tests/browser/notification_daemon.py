"""A desktop's notification service (org.freedesktop.Notifications 1.2), on the bus of a test.

Run by the system's own Python, for dbus and gi are Debian packages. It prints one JSON line for
each notification, and turns each JSON line that it reads into the signal of a person's click.
"""

import json
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME = "org.freedesktop.Notifications"
DISMISSED_BY_PERSON, CLOSED_BY_CALL = 2, 3


class Notifications(dbus.service.Object):
    last_id = 0

    @dbus.service.method(NAME, in_signature="susssasa{sv}i", out_signature="u")
    def Notify(self, _app, replaces, _icon, summary, _body, actions, _hints, _timeout):  # noqa: ANN001, ANN201, N802 - the bus's names; the signature is above
        if not replaces:
            self.last_id += 1
        number = int(replaces or self.last_id)
        shown = {"id": number, "title": str(summary), "keys": [str(key) for key in actions[::2]]}
        print(json.dumps(shown), flush=True)
        return number

    @dbus.service.method(NAME, in_signature="u")
    def CloseNotification(self, number: int) -> None:  # noqa: N802 - the bus's name
        self.NotificationClosed(number, CLOSED_BY_CALL)

    @dbus.service.method(NAME, out_signature="as")
    def GetCapabilities(self) -> list[str]:  # noqa: N802 - the bus's name
        return ["actions", "body", "persistence"]

    @dbus.service.method(NAME, out_signature="ssss")
    def GetServerInformation(self) -> tuple[str, ...]:  # noqa: N802 - the bus's name
        return "test", "test", "1", "1.2"

    @dbus.service.signal(NAME, signature="uu")
    def NotificationClosed(self, number: int, reason: int) -> None:  # noqa: N802 - the bus's name
        """The signal is the decorator's; there is nothing to do beside it."""

    @dbus.service.signal(NAME, signature="us")
    def ActionInvoked(self, number: int, key: str) -> None:  # noqa: N802 - the bus's name
        """The signal is the decorator's; there is nothing to do beside it."""

    def obey(self, line: str) -> None:
        """Send the signal of one command: ``{"id": 1, "key": "default"}``; no key: dismissed."""
        command = json.loads(line)
        if key := command.get("key"):
            self.ActionInvoked(command["id"], key)
        else:
            self.NotificationClosed(command["id"], DISMISSED_BY_PERSON)


def main() -> None:
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SessionBus()
    name = dbus.service.BusName(NAME, bus)
    desktop = Notifications(name, "/org/freedesktop/Notifications")
    loop = GLib.MainLoop()

    def on_input(*_: object) -> bool:
        line = sys.stdin.readline()
        if not line:
            loop.quit()
            return False
        desktop.obey(line)
        return True

    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, on_input)
    print("{}", flush=True)  # the name is ours, the browser may start
    loop.run()


if __name__ == "__main__":
    main()
