"""Demand sources as pure rules: what they are asked, and what may be taken of their answers."""
