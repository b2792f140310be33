"""The demo: a whole server, a push service of its own, and a site whose visitors it writes to."""
