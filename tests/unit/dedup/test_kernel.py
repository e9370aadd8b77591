"""The compiled loops against their specification in plain Python, and against datasketch."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash, MinHashLSH

import stackyard
from stackyard.dedup import Params, detectors, kernel, shingle, signature
from stackyard.record import BATCH, blob_digest


def facts(texts: Sequence[bytes | None]) -> pa.Table:
    """Signatures of texts by the real detector."""
    rows = [
        {
            "blob_id": blob_digest(b"" if text is None else text),
            "path": "",
            "content": b"",
            "text": text,
            "encoding": None,
        }
        for text in texts
    ]
    (detector,) = detectors(Params())
    return detector.detect(pa.Table.from_pylist(rows, BATCH))


def reference(text: bytes) -> MinHash:
    minhash = MinHash(num_perm=256, scheme="affine32", hashfunc=shingle.shingle_hash)
    minhash.update_batch(shingle.shingles(text))
    return minhash


def sources() -> list[bytes]:
    paths = sorted(Path(stackyard.__file__).parent.rglob("*.py"))
    return [path.read_bytes() for path in paths if path.stat().st_size]


def test_tokens_of_mixed_scripts_split_at_ascii_and_before_wide_characters() -> None:
    text = "a_b1+cé d—漢字x🙂y\0z".encode()
    expected = ["a_b1", "cé", "d", "—", "漢", "字x", "🙂y", "z"]
    assert shingle.tokens(text) == [token.encode() for token in expected]


def test_shingles_of_four_tokens_are_none() -> None:
    assert shingle.shingles(b"one two three four") == []
    assert shingle.shingles(b"one two three four five") == [b"one two three four five"]


def test_shingle_hash_of_a_known_shingle_is_pinned() -> None:
    assert shingle.token_hash(b"") == 0xCBF29CE484222325
    assert shingle.token_hash(b"a") == 0xAF63DC4C8601EC8C
    assert f"{shingle.shingle_hash64(b'a b c d e'):016x}" == "8b4c9ff9d107c441"


def test_signature_of_a_known_text_is_pinned() -> None:
    (held,) = facts([b"the quick brown fox jumps over the lazy dog"])["signature"].to_pylist()
    assert (
        hashlib.sha256(held).hexdigest()
        == "553d4d800f251b6568d84b8e49a6df41f9bd74d4968c93fe157d69acb2a579df"
    )


def test_signature_of_real_files_equals_datasketch() -> None:
    texts = sources()
    found = signature.matrix(facts(texts)["signature"])
    expected = [reference(text).hashvalues for text in texts if shingle.shingles(text)]
    np.testing.assert_array_equal(found, np.array(expected))


def test_signature_of_more_shingles_than_a_block_equals_datasketch() -> None:
    generator = random.Random(3)
    text = b" ".join(b"%d" % generator.randrange(3000) for _ in range(9000))
    found = signature.matrix(facts([text])["signature"])[0]
    np.testing.assert_array_equal(found, reference(text).hashvalues)


def test_signature_lsh_of_datasketch_answers_the_same_on_our_signatures() -> None:
    base = [f"w{i}".encode() for i in range(200)]
    texts = [b" ".join([*base[:cut], b"x%d" % cut, *base[cut:]]) for cut in range(5, 200, 5)]
    ours = signature.matrix(facts(texts)["signature"])
    index, other = (MinHashLSH(num_perm=256, params=(42, 6)) for _ in range(2))
    for i, text in enumerate(texts):
        index.insert(i, MinHash(hashvalues=ours[i], scheme="affine32"))
        other.insert(i, reference(text))
    for i, text in enumerate(texts):
        ours_now = MinHash(hashvalues=ours[i], scheme="affine32")
        assert sorted(index.query(ours_now)) == sorted(other.query(reference(text)))


def test_detector_of_short_and_missing_texts_gives_no_fact() -> None:
    found = facts([b"", b"one two three four", None, b"+-*/", b"one two three four five"])
    assert found["blob_id"].to_pylist() == [blob_digest(b"one two three four five")]
    assert found.schema.equals(signature.SIGNATURES)


def test_detector_of_a_sliced_batch_equals_that_of_its_rows() -> None:
    (detector,) = detectors(Params())
    texts = sources()[:12]
    rows = [
        {"blob_id": blob_digest(text), "path": "", "content": text, "text": text, "encoding": "x"}
        for text in texts
    ]
    table = pa.Table.from_pylist(rows, BATCH)
    whole = detector.detect(table)
    pieces = [detector.detect(table.slice(at, 5)) for at in range(0, 12, 5)]
    assert pa.concat_tables(pieces).combine_chunks().equals(whole.combine_chunks())


def test_detector_of_an_empty_batch_gives_an_empty_table() -> None:
    (detector,) = detectors(Params())
    assert detector.detect(BATCH.empty_table()).equals(signature.SIGNATURES.empty_table())


@pytest.mark.parametrize("garbage", [b"\xe0" * 5000, b"\xff\xfe" * 3000, bytes(range(256)) * 40])
def test_signature_of_bytes_that_are_no_utf8_equals_datasketch(garbage: bytes) -> None:
    found = signature.matrix(facts([garbage])["signature"])[0]
    np.testing.assert_array_equal(found, reference(garbage).hashvalues)


def test_jaccard_of_real_pairs_equals_sets_of_shingles() -> None:
    texts = sources()
    data = np.frombuffer(b"".join(texts), np.uint8)
    offsets = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    count = len(texts)
    lefts, rights = (side.ravel() for side in np.mgrid[0:count, 0:count])
    few = np.arange(0, lefts.size, max(1, lefts.size // 60))
    found = kernel.jaccard(data, offsets, lefts[few], rights[few], kernel.CLASSES)
    expected = [
        shingle.similarity(texts[a], texts[b]) for a, b in zip(lefts[few], rights[few], strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_permutations_equal_those_of_datasketch() -> None:
    expected = MinHash(num_perm=256, scheme="affine32", seed=7).permutations
    np.testing.assert_array_equal(np.array(shingle.permutations(7)), expected)


def test_compiled_without_a_place_for_a_cache_still_compiles(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "file"
    closed.write_text("no directory")
    monkeypatch.setenv("HOME", str(closed))
    monkeypatch.setenv("XDG_CACHE_HOME", str(closed))
    scope: dict[str, object] = {}
    exec(compile("def double(value):\n    return 2 * value\n", "<frozen>", "exec"), scope)
    double = scope["double"]
    assert callable(double)
    assert kernel.compiled(double)(21) == 42
