"""Video file to clips to unit vectors; knows nothing of storage."""
