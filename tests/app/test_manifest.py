import re

import pytest

from app.manifest import Manifest, ManifestError, ManifestRow, read_manifest, write_manifest


@pytest.fixture
def write(tmp_path):
    def put(text, encoding="utf-8"):
        path = tmp_path / "manifest.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return put


def refused(path):
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_relative_paths_are_relative_to_the_csv_and_others_stay(write, tmp_path):
    manifest = read_manifest(write("path,label\nwalk/a.mp4,walk\n/elsewhere/b.mp4,run\n../c.mp4,run\n"))
    assert [row.path for row in manifest.rows] == [
        tmp_path / "walk" / "a.mp4",
        type(tmp_path)("/elsewhere/b.mp4"),
        tmp_path.parent / "c.mp4",
    ]
    assert [row.label for row in manifest.rows] == ["walk", "run", "run"]
    assert manifest.rows[0] == ManifestRow(tmp_path / "walk" / "a.mp4", "walk", None, None)


def test_columns_may_come_in_any_order_with_others_between_them(write, tmp_path):
    text = "note,split,label,path,group\nx,query,walk,a.mp4,anna\n,gallery,walk,b.mp4,ben\n"
    first, second = read_manifest(write(text)).rows
    assert first == ManifestRow(tmp_path / "a.mp4", "walk", "anna", "query")
    assert second == ManifestRow(tmp_path / "b.mp4", "walk", "ben", "gallery")


def test_a_byte_order_mark_blank_lines_and_quoted_commas_do_not_matter(write, tmp_path):
    text = '\ufeffpath,label\r\n"a, b.mp4","Arm, lift"\r\n\r\nç.mp4, run \r\n'
    rows = read_manifest(write(text)).rows
    assert [(row.path.name, row.label) for row in rows] == [("a, b.mp4", "Arm, lift"), ("ç.mp4", "run")]


@pytest.mark.parametrize(
    ("text", "protocol"),
    [
        ("path,label\na,x\n", "Each video searches all others."),
        ("path,label,group\na,x,g\n", "leave one group out"),
        ("path,label,group,split\na,x,g,query\n", "`query` searches those of split `gallery`"),
    ],
)
def test_the_protocol_follows_from_the_columns(write, text, protocol):
    manifest = read_manifest(write(text))
    assert isinstance(manifest, Manifest)
    assert protocol in manifest.protocol


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no manifest: its first line must be path,label[,group][,split]"),
        ("\n\n", "is no manifest: its first line must be path,label[,group][,split]"),
        ("video,class\na,b\n", "is no manifest: its first line must be path,label[,group][,split]"),
        ("path,label\n", "lists no videos; add lines of path,label"),
        ("path,label\na,x\n,y\n", "line 3: path is empty"),
        ("path,label\na,x\nb\n", "line 3: label is empty"),
        ("path,label,group\na,x,g\n\nb,x,  \n", "line 4: group is empty"),
        ("path,label,split\na,x,query\nb,x,\n", "line 3: split is empty"),
        ("path,label,split\na,x,query\nb,x,train\n", "line 3: split must be query or gallery, not 'train'"),
        ('path,label\n"a\nb",x\nc,\n', "line 4: label is empty"),
        ("path,label\na,x\nb,x\n\n./a,y\n", "a twice (lines 2 and 5)"),
        ("path,label\na\0b,x\n", "line 2: "),
    ],
)
def test_a_wrong_line_is_named_with_what_is_wrong(write, text, said):
    path = write(text)
    assert said in refused(path)
    assert refused(path).startswith(str(path))


def test_a_file_that_is_not_utf_8_is_said(write):
    assert "is no CSV in UTF-8" in refused(write("path,label\nä.mp4,x\n", "latin-1"))
    assert "is no CSV in UTF-8" in refused(write("path,label\n" + "a" * 200_000 + ",x\n"))


def test_a_missing_manifest_and_a_folder_are_said(tmp_path):
    assert refused(tmp_path / "no.csv") == f"{tmp_path / 'no.csv'}: no such file or directory; give a manifest CSV"
    assert re.search("is a directory; give a manifest CSV", refused(tmp_path))


def test_a_group_that_is_query_and_gallery_is_refused(tmp_path):
    path = tmp_path / "manifest.csv"
    rows = ["a.mp4,x,one,query", "b.mp4,x,one,gallery", "c.mp4,y,two,query", "d.mp4,y,two,gallery", "e.mp4,y,six,query"]
    path.write_text("\n".join(["path,label,group,split", *rows]))
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    assert str(caught.value) == (
        f"{path} has 2 groups both as query and as gallery: one (lines 2, 3), two (lines 4, 5); "
        "split by group, or drop the column to measure all the same"
    )


@pytest.mark.parametrize("columns", [("path", "label"), ("path", "label", "group"), ("path", "label", "split")])
def test_what_is_written_is_read_again(tmp_path, columns):
    values = {"label": 'jeté, "grand"', "group": "g 1", "split": "query"}
    rows = [
        ManifestRow(tmp_path / f"{number}.mp4", **{name: values[name] for name in columns if name != "path"})
        for number in range(3)
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    assert list(read_manifest(tmp_path / "manifest.csv").rows) == rows
    assert (tmp_path / "manifest.csv").read_text().splitlines()[0] == ",".join(columns)
