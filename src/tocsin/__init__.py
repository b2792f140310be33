"""Tocsin: a self-hosted push-campaign server."""

__version__ = "0.1.0"
