"""A library of videos: catalog, vector index, and search over both."""
