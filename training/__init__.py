"""Self-supervised training of the encoder and the data it learns from."""
