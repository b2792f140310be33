"""The Hood API: one file per resource."""
