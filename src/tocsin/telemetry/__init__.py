"""The closed list of events, and what each becomes: a log line and a metric."""
