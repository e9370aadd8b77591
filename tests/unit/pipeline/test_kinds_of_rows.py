"""A release of rows of every kind passes its gate, and a reader's checks; so does its takedown."""

from __future__ import annotations

from pathlib import Path

import yaml

from benchmarks import here
from benchmarks.soak import MIT, opt_out, text
from stackyard.client.verify import verify

PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA7" + "b3QxZ2Vu" * 40 + "\n"
EURO = "# caf\xe9 \u20ac\n"
BARE = {"lib/bare.py": text(40)}
ORIGINS = {
    "octo-org/alpha": {
        "LICENSE": MIT.encode() + b"\n[7] Copyright (c) 2020 Ada\nCopyright (c) [9] x\n",
        "NOTICE": b"\n",
        "src/a.py": text(1),
        "src/mail.py": text(2) + b"\nAUTHOR = 'ada.lovelace@acme-mail.com'\n",
        "src/latin.py": EURO.encode("cp1252") + text(3),
        "src/wide.py": ("\ufeff# wide\n" + text(4).decode()).encode("utf-16-le"),
        "src/mark.py": b"\xef\xbb\xbf" + text(5),
        "src/kana.py": "# \u3053\u3093\u306b\u3061\u306f \u4e16\u754c\n".encode("euc_jp") + text(6),
        ".hidden.py": text(7),
        "Makefile": b"all:\n\techo " + text(8).split(b"\n")[0] + b"\n",
        "+page.svelte": b"<script>\nlet count = 1;\n</script>\n<p>{count} and more of it</p>\n",
    },
    "hubot/copy": {"LICENSE": MIT.encode(), "lib/same.py": text(1), "lib/own.py": text(20)},
    "monalisa/near": {
        "LICENSE": MIT.encode() + PEM.encode(),
        "NOTICE": b"end\n-----END RSA PRIVATE KEY-----\n",
        "near.py": text(20) + b"# one line more\n",
        "spdx.py": b"# SPDX-License-Identifier: BSD-3-Clause OR Apache-2.0\n" + text(21),
    },
    "nobody/bare": BARE,
}


def test_release_of_every_kind_of_row_and_its_takedown_pass_gate_and_reader(
    tmp_path: Path,
) -> None:
    root = here.small_project(tmp_path / "yard", ORIGINS)
    params = root / "params.yaml"
    said = yaml.safe_load(params.read_text(encoding="utf-8"))
    said["filter"]["editions"] = ["permissive", "no_license"]
    said["release"]["editions"] = ["permissive", "no_license", "ids"]
    params.write_text(yaml.safe_dump(said), encoding="utf-8")
    first = here.release(root)
    assert first.is_new
    assert verify(root / "release").findings == ()
    opt_out(root, "--owner", "hubot", "--copies", "exact")
    assert here.takedown(root).run.version == "0.1.1"
    assert verify(root / "release").findings == ()
