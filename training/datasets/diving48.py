"""Diving48: Li et al. 2018, https://doi.org/10.1007/978-3-030-01231-1_32; its second version has cleaner labels."""

from pathlib import Path

from training.datasets.items import Listed, SplitError, find_listed, read_entries, read_json


def read_diving48(videos: Path, split_file: Path, vocabulary: Path) -> Listed:
    """Read Diving48_V2_train.json or its like, a list of {"vid_name", "label", "start_frame", "end_frame"}.

    Videos are cut already. A label is a place in Diving48_vocab.json, a list of dives such as
    ["Back", "15som", "05Twis", "FREE"]. A group is the competition, by the YouTube id that a name begins with.

    Raises:
        SplitError: a file can't be read or isn't as it should be, or none of the videos is there.
    """
    entries = read_entries(split_file, "Diving48_V2_train.json", vid_name=str, label=int)
    dives = _read_vocabulary(vocabulary)
    for number, entry in enumerate(entries, 1):
        if not 0 <= entry["label"] < len(dives):
            raise SplitError(f"{split_file} entry {number}: label {entry['label']} is not in {vocabulary}")
    return find_listed(
        videos,
        split_file,
        [(entry["vid_name"], dives[entry["label"]], entry["vid_name"].rpartition("_")[0]) for entry in entries],
    )


def _read_vocabulary(vocabulary: Path) -> list[str]:
    dives = read_json(vocabulary, "Diving48_vocab.json")
    if not isinstance(dives, list) or not all(isinstance(dive, list) and dive for dive in dives):
        raise SplitError(f"{vocabulary} must be a list of dives, each a list of words; give Diving48_vocab.json")
    return [" ".join(map(str, dive)) for dive in dives]
