from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stackyard.pii import reference
from stackyard.pii.automaton import Automaton
from stackyard.pii.lines import line_around

Oracle = Callable[[str], set[tuple[str, str]]]

_OWNERS = [plugin for plugin in reference.PLUGINS for _ in plugin.anchors]
_AUTOMATON = Automaton([anchor for plugin in reference.PLUGINS for anchor in plugin.anchors])


def findings(text: str) -> set[tuple[str, str]]:
    data = text.encode()
    out: set[tuple[str, str]] = set()
    for pattern, end in zip(*_AUTOMATON.scan(data), strict=True):
        plugin = _OWNERS[int(pattern)]
        start, stop = line_around(data, int(end) - 1)
        for span in reference.analyze(plugin, data[start:stop].decode()):
            out.add((plugin.plugin.secret_type, span.secret))
    return out


_ALNUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def _draw(alphabet: str, count: int, seed: int) -> str:
    return "".join(random.Random(seed).choices(alphabet, k=count))


def planted(seed: int) -> list[str]:
    """One line for every plugin, of drawn values: no token is written down here."""
    alnum, hexa, lower = _ALNUM, "0123456789abcdef", "abcdefghijklmnopqrstuvwxyz"
    upper_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

    def d(alphabet: str, n: int) -> str:
        return _draw(alphabet, n, seed * 1000 + n)

    return [
        f'k="AKC{d(alnum, 12)}"', f" AP5{d(alnum, 20)} ", "id AKIA" + d(upper_digits, 16),
        f"aws_Secret_Key = '{d(alnum, 40)}'", "AccountKey=" + d(alnum, 86) + "==",
        f"https://svc:{d(alnum, 14)}@db.example.org/", f"cl_api_key = {d(hexa, 64)}",
        f"cloudant-pw: '{d(lower, 24)}'", f"https://acc:{d(hexa, 64)}@acc.cloudant.com",
        f"M{d(alnum, 23)}.{d(alnum, 6)}.{d(alnum, 27)}", "ghp" + "_" + d(alnum, 36),
        "glpat-" + d(alnum, 20), "GR1348941" + d(alnum, 20), "glcbt-1f_" + d(alnum, 20),
        "glagent-" + d(alnum, 60), f"ibm_cloud_api_key={d(alnum, 44)}",
        f"cos_secret_access_key: {d(hexa, 48)}", "host 8.26.56.26:80 up",
        f"{d(alnum[:36], 32).lower()}-us12", "//npm.example.org/:_authToken=npm" + "_" + d(alnum, 36),
        "sk-" + d(alnum, 20) + "T3BlbkFJ" + d(alnum, 20), "-----BEGIN " + "EC PRIVATE KEY-----",
        "PuTTY-User-" + "Key-File-2: ssh-rsa", "pypi-AgEIcHlwaS5vcmc" + d(alnum, 75),
        "SG." + d(alnum, 22) + "." + d(alnum, 43), "xoxb-12345-67890-" + d(alnum, 24),
        "https://hooks." + "slack.com/services/T12345/B6789/" + d(alnum, 24),
        f"softlayer_api_key = {d(hexa, 64)}", f"sl-token='{d(hexa, 64)}'",
        f"https://api.softlayer.com/soap/v3/{d(hexa, 64)}", "sq0csp-" + d(alnum, 43),
        "sk" + "_live_" + d(alnum, 24), d("0123456789", 9) + ":" + d(alnum, 35),
        "AC" + d(hexa, 32), f"v = '{d(alnum, 40)}'", f'v = "{d(hexa, 32)}"',
        f'password = "{d(alnum, 12)}"', f"if ('{d(alnum, 12)}' == my_secret_x) {{",
        f'api_key "{d(alnum, 12)}";', f"contrase\u00f1a: '{d(alnum, 9)}'", f'pa\u017f\u017fword="{d(alnum, 8)}"',
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0." + d(alnum, 43),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_reference_one_line_for_every_plugin_equals_detect_secrets(
    seed: int, oracle: Oracle
) -> None:
    text = "\n".join(planted(seed))
    expected = oracle(text)
    assert len({kind for kind, _ in expected}) >= 25
    assert findings(text) == expected


def test_reference_two_secrets_of_one_line_and_crlf_equals_detect_secrets(oracle: Oracle) -> None:
    lines = planted(9)
    text = (
        "\r\n".join(a + "  " + b for a, b in zip(lines, reversed(lines), strict=True))
        + "\r"
        + lines[0]
    )
    assert findings(text) == oracle(text)


_ATOMS = st.sampled_from(
    [
        "password", "secret", "api_key", "PWD", "db_pass", "aws", "=", "==", " := ", ":", ": ", "'", '"',
        "`", "(", ")", "[", "]", "{", "}", "$", "<", ">", " ", "  ", "\t", "\n", "\r\n", "\r", ";", ",", "@",
        "://", "user", "id", "_id=", "a", "Z", "9", "-", "_", ".", "\\", "/", "+", "\u017f", "\u212a", "\u0131", "\u00f1",
        "\x0b", "\x0c", "\x1c", "\u2028", "\u00a0", "AKIA", "ghp_", "1.2.3.4", "8.26.56.26",
        *planted(1),
    ]
)  # fmt: skip


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_ATOMS, max_size=24).map("".join))
@example("secret_key = 'x'; password='abc'")
def test_reference_on_any_text_equals_detect_secrets(oracle: Oracle, text: str) -> None:
    assert findings(text) == oracle(text)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="=!:. -\t()[]ab\x0b\n", max_size=40))
def test_indirect_reference_on_any_line_equals_the_filter(line: str) -> None:
    from detect_secrets.filters import heuristic

    assert reference.is_indirect_reference(line) == heuristic.is_indirect_reference(line)


def test_indirect_reference_on_a_run_of_spaces_is_fast() -> None:
    assert not reference.is_indirect_reference("secret" + " " * 990)
