"""What an evaluation found: for people (a page in HTML, one in Markdown) and for programs (JSON, CSV)."""
