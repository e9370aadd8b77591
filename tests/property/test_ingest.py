"""Laws of ingest, whatever an archive holds."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from swh.model.from_disk import Directory
from swh.model.git_objects import revision_git_object
from swh.model.hypothesis_strategies import directories, revisions
from swh.model.model import DirectoryEntry

from stackyard.errors import UsageError
from stackyard.ingest import paths, swhid
from stackyard.ingest.fetch import Fetched, fetch
from stackyard.ingest.params import Params
from stackyard.ingest.read import Entry, Reader, Revision
from stackyard.ingest.sources import load_sources
from stackyard.record import blob_digest

SMALL = Params(
    file_bytes_max=2000,
    unpacked_bytes_max=10**6,
    unpacked_ratio_floor_bytes=10**5,
    entries_max=50,
    header_bytes_max=10**4,
    path_bytes_max=300,
    tree_depth_max=5,
)


def read(raw: bytes) -> tuple[list[Entry], Revision]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "tool.tar").write_bytes(raw)
        (source,) = load_sources("- {kind: archive, path: tool.tar, name: a/b}", "x")
        reader = Reader(source, Fetched("archive", root / "tool.tar", ""), SMALL)
        entries = list(reader)
        assert [path.name for path in root.iterdir()] == ["tool.tar"]
        return entries, reader.revision


KEYS = ("kind", "name", "url", "path", "purl", "ref", "sha256", "stars", "date")
parts = st.sampled_from(
    ["a", "b", "B", "..", ".", "", "é", "c\x01", "x\udcff", "\\", "C:", "d" * 99]
)
names = st.lists(parts, min_size=1, max_size=7).map("/".join)
kinds = st.sampled_from(
    [
        tarfile.REGTYPE,
        tarfile.REGTYPE,
        tarfile.DIRTYPE,
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CHRTYPE,
        b"Z",
    ]
)
members = st.lists(st.tuples(names, kinds, st.binary(max_size=3000), names), max_size=12)


def tar_of(rows: list[tuple[str, bytes, bytes, str]], form: int) -> tuple[bytes, int]:
    """A tar of the rows, and how many of them are no folders."""
    buffer = io.BytesIO()
    files = 0
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, kind, content, target in rows:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            is_folder = kind == tarfile.DIRTYPE or (kind == tarfile.REGTYPE and name.endswith("/"))
            files += not is_folder
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue(), files


@given(members, st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
@settings(deadline=None)
def test_reader_gives_every_member_one_entry_with_a_path_of_its_own(
    rows: list[tuple[str, bytes, bytes, str]], form: int
) -> None:
    raw, files = tar_of(rows, form)
    entries, _ = read(raw)
    of_files = [e for e in entries if e.evidence is None or e.evidence["kind"] != "folder"]
    assert len(of_files) == files
    assert len({entry.path for entry in entries}) == len(entries)
    for entry in entries:
        assert (entry.content is None) == (entry.rule is not None) == (entry.evidence is not None)
        if entry.content is not None:
            kept = entry.path.split("/")
            assert not {"", ".", ".."} & set(kept)
            assert entry.blob_id == blob_digest(entry.content)
            assert entry.length_bytes == len(entry.content) <= SMALL.file_bytes_max


@given(members)
@settings(deadline=None)
def test_reader_of_equal_bytes_gives_equal_entries(
    rows: list[tuple[str, bytes, bytes, str]],
) -> None:
    raw, _ = tar_of(rows, tarfile.GNU_FORMAT)
    assert read(raw) == read(raw)


@given(members, st.data())
@settings(deadline=None, max_examples=200)
def test_reader_of_a_damaged_archive_reads_it_or_refuses_it(
    rows: list[tuple[str, bytes, bytes, str]], data: st.DataObject
) -> None:
    raw = bytearray(tar_of(rows, tarfile.GNU_FORMAT)[0])
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=8)):
        raw[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UsageError):
        read(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


@given(st.lists(st.tuples(names, st.binary(max_size=300)), max_size=8), st.data())
@settings(deadline=None, max_examples=200)
def test_reader_of_a_damaged_zip_reads_it_or_refuses_it(
    rows: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, content) in enumerate(rows):
            text = name.replace("\udcff", "ÿ") + str(number)
            archive.writestr(text, content)
    raw = bytearray(buffer.getvalue())
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=8)):
        raw[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UsageError):
        read(bytes(raw))


@given(
    st.binary(max_size=5000),
    st.sampled_from(
        [b"", b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"BZh9", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"]
    ),
)
@settings(deadline=None)
def test_reader_of_garbage_refuses_it(garbage: bytes, magic: bytes) -> None:
    try:
        entries, _ = read(magic + garbage)
    except UsageError:
        return
    assert not entries  # 512 zero bytes are an empty tar


@given(st.binary(max_size=200))
def test_escape_is_reversible(name: bytes) -> None:
    text = paths.escape(name)
    assert paths.unescape(text) == name
    assert text.isprintable() or not text.isascii()


@given(directories())  # type: ignore[no-untyped-call]
def test_tree_digest_equals_the_reference(directory: object) -> None:
    entries: tuple[DirectoryEntry, ...] = directory.entries  # type: ignore[attr-defined]
    found = swhid.tree_digest((e.name, int(e.perms), e.target) for e in entries)
    if directory.raw_manifest is None:  # type: ignore[attr-defined]
        assert found == directory.compute_hash()  # type: ignore[attr-defined]


file_names = st.binary(min_size=1, max_size=9).filter(
    lambda name: not {0, 47} & set(name) and name not in {b".", b".."} and name.lower() != b".git"
)
trees = st.recursive(
    st.tuples(st.sampled_from(["f", "x", "l"]), st.binary(min_size=1, max_size=40)),
    lambda below: st.dictionaries(file_names, below, max_size=4),
    max_leaves=12,
).filter(lambda tree: isinstance(tree, dict))


@given(trees)
@settings(deadline=None)
def test_directory_id_of_a_folder_equals_the_reference(tree: dict[bytes, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "tree").mkdir()
        plant(root / "tree", tree)
        (source,) = load_sources("- {kind: directory, path: tree, name: a/b}", "x")
        reader = Reader(source, fetch(source, root / "cache", root, SMALL), SMALL)
        list(reader)
        expected = Directory.from_disk(path=bytes(root / "tree"), max_content_length=None)
        assert reader.revision.directory_id == str(expected.swhid())


def plant(folder: Path, tree: dict[bytes, object]) -> None:
    for name, node in tree.items():
        path = folder / os.fsdecode(name)
        if isinstance(node, dict):
            path.mkdir()
            plant(path, node)
        else:
            assert isinstance(node, tuple)
            kind, content = node
            if kind == "l":
                path.symlink_to(os.fsdecode(content.replace(b"\0", b"0")))
            else:
                path.write_bytes(content)
                path.chmod(0o755 if kind == "x" else 0o644)


@given(revisions())  # type: ignore[no-untyped-call]
def test_revision_equals_the_reference(revision: object) -> None:
    if revision.raw_manifest is None:  # type: ignore[attr-defined]
        raw = revision_git_object(revision)  # type: ignore[arg-type]
        body = raw.split(b"\0", 1)[1]
        assert swhid.revision(body).digest == revision.compute_hash()  # type: ignore[attr-defined]


values = st.one_of(
    st.text(max_size=30),
    st.builds("{}{}".format, st.sampled_from(["https://", "pkg:", "pkg:npm/", "a@b:"]), st.text()),
)


@given(
    st.one_of(
        st.text(max_size=400),
        st.lists(st.dictionaries(st.sampled_from(KEYS), values), max_size=2).map(json.dumps),
        st.builds(
            lambda kind, key, value: json.dumps([{"kind": kind, "name": "a/b", key: value}]),
            st.sampled_from(["git", "archive", "package", "directory"]),
            st.sampled_from(["url", "path", "purl"]),
            values,
        ),
    )
)
@settings(max_examples=300)
def test_load_sources_of_any_text_gives_sources_or_says_what_is_wrong(text: str) -> None:
    with contextlib.suppress(UsageError):
        for source in load_sources(text, "sources.yaml"):
            assert len(source.digest) == 64
            assert source.origin
