"""Peers that misbehave on demand: real servers for tests, demos and benchmarks."""
