"""The only room with an outgoing connection."""
