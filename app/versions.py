"""What a number was measured with."""

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("reelseek", "torch", "openvino", "faiss-cpu", "av", "numpy")


def versions() -> dict[str, str]:
    """Package -> version, of those that are there."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # one that need not be there
            continue
    return {**found, "Python": platform.python_version()}
