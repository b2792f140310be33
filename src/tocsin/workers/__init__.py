"""Loops: each may be killed at any line and run twice at the same time."""
