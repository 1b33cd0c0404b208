"""Something-Something, version 2: Goyal et al. 2017, https://arxiv.org/abs/1706.04261."""

from pathlib import Path

from training.datasets.items import Listed, SplitError, find_listed, read_entries, read_json


def read_something(videos: Path, split_file: Path, labels: Path) -> Listed:
    """Read train.json or validation.json, a list of {"id", "label", "template", "placeholders"}.

    Videos are named by their id. What one shows is its template, such as `Holding [something] next to [something]`,
    which without brackets is a key of labels.json. Who filmed it is not published, so there are no groups.

    Raises:
        SplitError: a file can't be read or isn't as it should be, or none of the videos is there.
    """
    entries = read_entries(split_file, "train.json or validation.json, which have templates", id=str, template=str)
    known = read_json(labels, "labels.json")
    if not isinstance(known, dict):
        raise SplitError(f"{labels} must map each label to its number; give labels.json")
    shown = [entry["template"].replace("[", "").replace("]", "") for entry in entries]
    for number, label in enumerate(shown, 1):
        if label not in known:
            raise SplitError(f"{split_file} entry {number}: {label!r} is not in {labels}")
    return find_listed(
        videos, split_file, [(entry["id"], label, None) for entry, label in zip(entries, shown, strict=True)]
    )
