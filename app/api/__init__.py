"""The HTTP API: search, index and status for programs."""
