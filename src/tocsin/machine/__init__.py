"""The only room that reads the clock, the entropy pool and the environment."""
