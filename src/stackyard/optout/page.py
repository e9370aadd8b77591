"""A receipt as a page: HTML without scripts, images or links to anywhere, for reading and printing.

In: a receipt. Out: the page, the same for the same receipt. Always holds: it quotes the receipt and
shows nothing else, so it proves nothing by itself: the receipt's file does.
"""

from __future__ import annotations

import html as escaping
from collections.abc import Mapping
from typing import Any

from stackyard.errors import UsageError, VerificationError, shown
from stackyard.optout.selector import from_plain

_STYLE = """\
body { font: 1.1rem/1.5 Georgia, serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; color: #111; }
h1 { font-size: 1.6rem; } th { text-align: left; vertical-align: top; padding: .3rem 1.5rem .3rem 0; font-weight: normal; }
td { padding: .3rem 0; overflow-wrap: anywhere; } code, pre { font-size: .9rem; } pre { white-space: pre-wrap; }
.done { font-size: 1.25rem; border: 2px solid #111; padding: .8rem 1rem; }
@media print { body { margin: 0 auto; } }"""

_KINDS = {
    "repo": "the repository",
    "owner": "all repositories of the account",
    "path": "these files of a repository",
    "blob": "one file\u2019s contents, wherever they are",
    "author": "files that commits of this address touched",
}
_COPIES = {
    "none": "no",
    "exact": "yes, those that are the same byte for byte",
    "near": "yes, those that are nearly the same too",
}


def html(receipt: Mapping[str, Any]) -> str:
    """The page of a receipt; that it holds is for `optout prove` to say.

    Raises:
        VerificationError: this is no receipt.
    """
    try:
        body = receipt["statement"]
        selector = from_plain(body["selector"])
        removed = body.get("removed")
        rows = [
            ("You asked for", f"{_KINDS[selector.kind]} {selector}"),
            ("Copies elsewhere", _COPIES[body["copies"]]),
            ("Forks", "yes" if body.get("forks") else "no"),
            ("Releases made before", "yes" if body["past"] else "no"),
            ("Request", str(body["request"])),
            ("Log", str(body["log"])),
        ]
        if removed is not None:
            version, count = str(removed["version"]), int(removed["files"])
            done = f"Removed in version {version} on your request: {count:,} files."
            rows.append(("Not in it any more", f"{len(removed['absent']):,} names"))
        else:
            done = "We have your request. Nothing is removed yet."
    except (KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
        raise VerificationError("this is not a receipt of an opt-out") from error
    table = "\n".join(
        f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in rows
    )
    check = f"stackyard optout prove {body['request']}.json --release NAME@VERSION"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Receipt {_text(str(body["request"]))}</title>
<style>
{_STYLE}
</style>
</head>
<body>
<h1>Receipt of an opt-out</h1>
<p class="done">{_text(done)}</p>
<table>
{table}
</table>
<h2>Keep the file that came with this page</h2>
<p>This page is for reading. The file <code>{_text(str(body["request"]))}.json</code> is the receipt: it is
signed, and shows that you asked. Anybody can check it, without asking us:</p>
<pre>{_text(check)}</pre>
<p>The receipt names your code. Show it only to those who may know.</p>
</body>
</html>
"""


def _text(text: str) -> str:
    return escaping.escape(shown(text))
