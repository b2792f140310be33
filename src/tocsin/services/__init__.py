"""Use cases: each owns its transactions and names what it needs as Protocols."""
