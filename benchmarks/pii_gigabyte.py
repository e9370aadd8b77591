"""One line of a gigabyte of minified code through the detector: CPU seconds, and memory beside the text.

python -m benchmarks.pii_gigabyte [MB]
"""

from __future__ import annotations

import json
import re
import site
import struct
import sys
import time
from pathlib import Path

import pyarrow as pa

from stackyard.pii.detect import find_in_column
from stackyard.pii.params import Detection


def peak_bytes() -> int:
    """Most memory that this process held; `ru_maxrss` would begin with that of the process which started it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def main() -> None:
    size = int(sys.argv[1] if len(sys.argv) > 1 else "1000") * 1_000_000
    scripts = Path(site.getsitepackages()[0]).rglob("*.js")
    piece = max(scripts, key=lambda path: (path.stat().st_size, str(path))).read_bytes()
    piece = piece.replace(b"\n", b" ")
    text = piece * (size // len(piece) + 1)
    size = len(text)
    offsets = pa.py_buffer(struct.pack("<2q", 0, size))
    column = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), 1, [None, offsets, pa.py_buffer(text)]
    )
    list(find_in_column(pa.array([b"x = 1"], pa.large_binary()), Detection()))
    before = peak_bytes()
    start = time.process_time()
    ends = [findings[-1].rule for _, _, findings in find_in_column(column, Detection()) if findings]
    spent = time.process_time() - start
    beside = peak_bytes() - before
    print(json.dumps({"bytes": size, "seconds": spent, "beside_bytes": beside, "ends": ends}))


if __name__ == "__main__":
    main()
