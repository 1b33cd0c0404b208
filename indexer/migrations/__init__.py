"""The catalog's schema through time (Alembic): each format that was ever on disk opens in this version."""
