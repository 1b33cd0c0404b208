"""Benchmarks are run from the checkout and not installed, so their folder has to be told."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
