"""Commands that have a file of their own; `app/cli.py` has the others and puts all of them together."""
