"""SQL: one schema on SQLite and PostgreSQL, one module per table family."""
