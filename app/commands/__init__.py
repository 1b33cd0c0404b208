"""The commands, one a file; `app/cli.py` puts them together."""
