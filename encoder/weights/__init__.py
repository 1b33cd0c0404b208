"""Trained encoders that come with the program."""
