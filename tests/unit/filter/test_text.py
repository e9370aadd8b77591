from __future__ import annotations

import pyarrow as pa
import pytest

from stackyard.filter import decode


def test_decode_of_plain_utf8_gives_the_same_buffers() -> None:
    content = pa.array([b"abc", "h\u00e9llo".encode(), b""], pa.large_binary())
    text, encoding = decode(content)
    assert text.buffers()[2].address == content.buffers()[2].address
    assert encoding.to_pylist() == ["utf-8"] * 3


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("x = 1\n".encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + "x = 1\n".encode("utf-16-be"), "utf-16"),
        ("x = 1\n".encode("utf-32"), "utf-32"),
        ("x = 1\n".encode("utf-8-sig"), "utf-8-sig"),
        ("int main(void) { return 0; }\n".encode("utf-16-le"), "utf-16-le"),
        ("// Gr\u00f6\u00dfe in Metern\nint x;\n".encode("cp1252"), "cp1252"),
        ("// \u3053\u308c\u306f\u8a2d\u5b9a\u3092\u8aad\u307f\u8fbc\u3080\u95a2\u6570\u3067\u3059\n".encode("shift_jis"), "shift_jis"),
        ("// \u0424\u0443\u043d\u043a\u0446\u0438\u044f \u0447\u0438\u0442\u0430\u0435\u0442 \u0444\u0430\u0439\u043b\n".encode("koi8-r"), "koi8-r"),
        ("// \u0424\u0443\u043d\u043a\u0446\u0438\u044f \u0447\u0438\u0442\u0430\u0435\u0442 \u0444\u0430\u0439\u043b\n".encode("cp1251"), "cp1251"),
    ],
)  # fmt: skip
def test_decode_of_other_encodings_names_a_codec_that_gives_the_text(
    content: bytes, encoding: str
) -> None:
    text, name = decode(pa.array([b"plain", content], pa.large_binary()))
    assert name.to_pylist() == ["utf-8", encoding]
    assert text[1].as_py().decode() == content.decode(encoding)


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x01\x02",
        b"abc\x00def",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"\xff\xfe\x00",
        bytes(range(256)),
    ],
)
def test_decode_of_binary_is_null(content: bytes) -> None:
    text, name = decode(pa.array([content], pa.large_binary()))
    assert text.to_pylist() == name.to_pylist() == [None]


def test_decode_of_a_slice_reads_only_its_rows() -> None:
    content = pa.array([b"\x00", b"abc", b"\x00"], pa.large_binary()).slice(1, 1)
    assert decode(content)[0].to_pylist() == [b"abc"]
