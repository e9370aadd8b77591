from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Any

import pytest

from stackyard.pii.params import SCORE_MIN

Find = Callable[[bytes], list[dict[str, Any]]]

DRAWN = "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=24))
HEXED = "".join(random.Random(8).choices("0123456789abcdef", k=40))
SHORT = "".join(random.Random(9).choices(string.ascii_letters + string.digits, k=12))


def redacted(find: Find, text: str, *entities: str) -> list[str]:
    return sorted(
        {
            text.encode()[r["start_byte"] : r["end_byte"]].decode()
            for r in find(text.encode())
            if r["score"] >= 0.7 and (not entities or r["entity"] in entities)
        }
    )


@pytest.mark.parametrize(
    ("frame", "value"),
    [
        ('password = "{}"', SHORT),
        ("db_password: '{}'", SHORT),
        ('"client_secret": "{}",', DRAWN),
        ("API_TOKEN={}", DRAWN),
        ("export AUTH_TOKEN={};", DRAWN),
        ("  signing-key: {}\n  other: 1", HEXED),
        ('$config["secret_key"] = "{}";', DRAWN),
        ("const accessToken = `{}`;", DRAWN),
        ("Password={};Trusted=no", SHORT),
        ('setPassword("{}")', SHORT),
        ('<add key="AppSecret" value="{}" />', DRAWN),
        ('{{\\"password\\": \\"{}\\"}}', SHORT),
        ('pwd := "{}"', SHORT),
        ("password = 'Tr0ub4dor&3{}'", ""),
        ("<password>{}</password>", SHORT),
        ("<api-token>{}</api-token>", DRAWN),
        ("tool push --token {} --all", DRAWN),
        ("tool login --password '{}'", SHORT),
        ("curl -u robot:{} https://h.initech.com", SHORT),
    ],
)  # fmt: skip
def test_assignment_of_a_secret_is_redacted_at_medium(find: Find, frame: str, value: str) -> None:
    text = frame.format(value)
    expected = value or "Tr0ub4dor&3"
    assert any(expected in found for found in redacted(find, text))


@pytest.mark.parametrize(
    "text",
    [
        "password = get_password(user)", "token = self.tokens[0]", 'password = "password"',
        'label = "Password:"', "secret = None", 'token_type = "Bearer"', 'password = "${DB_PASSWORD}"',
        "tool --password $PASSWORD", "tool --token-file secrets2.txt", "<Token>name</Token>",
        'password = "<your password>"', 'api_key = "YOUR_API_KEY"', 'key = "user.display_name"',
        'password: str = Field(default="")', 'public_key = "' + DRAWN + '"', "foreign_key=author_id_2",
        'secret = "xxxxxxxxxxxxxxxx"', 'password = "%s"', 'passwordHash = "' + HEXED + '"',
        'msg = "password must not be empty"', "if token == Token.NAME: pass", "key=lambda x: x[1]",
        'cache_key = "user-v2-' + "abc" + '"', "auth = HTTPBasicAuth(user1, passwd2)",
        'sha256 = "' + HEXED + '"', '"integrity": "sha512-' + DRAWN * 3 + '=="', 'id = "' + DRAWN + '"',
    ],
)  # fmt: skip
def test_assignment_of_something_else_is_left_alone(find: Find, text: str) -> None:
    assert redacted(find, text) == []


def test_two_assignments_of_one_line_are_both_found(find: Find) -> None:
    text = f'connect(password="{SHORT}", token="{DRAWN}")'
    assert redacted(find, text) == sorted([SHORT, DRAWN])


@pytest.mark.parametrize(
    "url",
    [
        f"postgres://svc:{SHORT}@db.initech.com:5432/x", f"https://bot:{DRAWN}@initech.com/r.git",
        f"mongodb+srv://u:{SHORT}@c0.initech.net", f"redis://:{SHORT}@10.0.0.1:6379/0",
        f"amqp://u:{SHORT}!$@mq.initech.com",
    ],
)  # fmt: skip
def test_password_of_a_url_is_redacted_and_the_rest_stays(find: Find, url: str) -> None:
    assert [v.rstrip("!$") for v in redacted(find, f'u = "{url}"', "basic_auth")][:1] == [
        url.split("://")[1].split(":")[1].split("@", maxsplit=1)[0].rstrip("!$")
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://user:password@host.example.com", "http://initech.com:8080/a@b", "redis://[[user]:[pw]]@h.io",
        "ftp://anonymous:guest@ftp.initech.com", "https://${USER}:${PASS}@initech.com", "http://u:<pw>@x.io",
    ],
)  # fmt: skip
def test_url_without_a_real_password_is_left_alone(find: Find, url: str) -> None:
    assert redacted(find, url) == []


def test_jwt_with_a_decodable_header_is_one_token(find: Find) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9" + "." + "eyJzdWIiOiI0MiJ9" + "." + DRAWN * 2
    assert redacted(find, f"Cookie: t={token}; x=1", "jwt")[-1:] == [token]
    broken = "eyJhbGciOiJIUzI1Nixx" + token[20:]
    assert redacted(find, f"x={broken}", "jwt") == []


def test_unnamed_drawn_string_is_left_to_paranoid(find: Find) -> None:
    drawn = "".join(random.Random(5).choices(string.ascii_letters + string.digits, k=40))
    (score,) = {row["score"] for row in find(f'run("{drawn}")'.encode())}
    assert 0 < score < SCORE_MIN["high"]
