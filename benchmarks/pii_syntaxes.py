"""Credentials as repositories hold them, by a generator: many names, many syntaxes, many kinds of values.

    python -m benchmarks.pii_syntaxes [--seed N] [--show LEVEL]

A line (or a few) with one value each, that is a secret or looks like one: names x syntaxes x values,
drawn with a seed. Development looked at `DEVELOPMENT_SEED` alone; figures are of other seeds. Values are
drawn letters, passwords as people choose them, and plain words, with a user beside them or not; what is no
secret are references, calls, labels, placeholders, hashes, versions, paths, types, identifiers. A line
counts as found if all of its secret is covered, and as falsely found if any byte is that holds none.
"""

from __future__ import annotations

import argparse
import random
import string
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.pii_counts import Counts, count, is_covered, spans_at
from stackyard.pii.params import SCORE_MIN, Level

DEVELOPMENT_SEED = 1
HELD_OUT_SEEDS = (101, 102, 103)
LINES = 2_000

ALNUM = string.ascii_letters + string.digits
HEX = string.digits + "abcdef"

PASSWORD_NAMES = ("password", "passwd", "db_password", "dbPassword", "DB_PASS", "PASSWORD", "user_password", "pwd", "admin_pass", "smtpPassword",
                  "spring.datasource.password", "MYSQL_ROOT_PASSWORD", "ftp_password", "keystorePassword", "redis_password", "rootPassword")  # fmt: skip
KEY_NAMES = ("api_key", "apiKey", "secret", "client_secret", "access_token", "auth_token", "SECRET_KEY", "API_TOKEN", "secretKey", "encryption_key",
             "webhookSecret", "jwt_secret", "signing_key", "AUTH_TOKEN", "appSecret", "private_key", "service_token", "consumer_secret")  # fmt: skip

QUOTED = (
    '{n} = "{v}"', "{n} = '{v}'", "{n}: '{v}'", '"{n}": "{v}",', "'{n}' => '{v}',", 'const {n} = "{v}";', 'String {n} = "{v}";',
    "${n} = '{v}';", '{n} := "{v}"', 'let {n}: string = "{v}";', 'val {n}: String = "{v}"', 'const {n}: &str = "{v}";', 'char {n}[] = "{v}";',
    '#define {n} "{v}"', "define('{n}', '{v}');", '{n}="{v}"', "self.{n} = '{v}'", 'config["{n}"] = "{v}"', '<add key="{n}" value="{v}" />',
    '{{"key": "{n}", "value": "{v}"}}', '{{\\"{n}\\": \\"{v}\\"}}', 'connect({n}="{v}")', ':{n} => "{v}"', 'os.environ["{n}"] = "{v}"',
    'props.setProperty("{n}", "{v}");', 'var {n} string = "{v}"', "{n} '{v}'", '{{user: "bob", {n}: "{v}"}}', 'a.b({{"x": 1, "{n}": "{v}"}})',
)  # fmt: skip
BARE = (
    "{n}={v}", "{n}: {v}", "export {n}={v}", "  {n}: {v}", "{n} = {v}", "ENV {n}={v}", "<{n}>{v}</{n}>", "-D{n}={v}", "tool --{n}={v} run",
    "- name: {n}\n  value: {v}", "set {n}={v}", "; {n}={v}", "# {n}: {v}", "url?a=1&{n}={v}&b=2", "{n}: |\n    {v}",
)  # fmt: skip
WITH_USER = ('username: bob\n{n}: "{v}"', 'user = "bob"\n{n} = "{v}"', "host=db.initech.com\n{n}={v}", '"username": "bob",\n"{n}": "{v}"',
             "db_user: app\n{n}: {v}", "<username>bob</username>\n<{n}>{v}</{n}>")  # fmt: skip
ALONE = (
    'login("bob", "{v}")', "mysql -u app -p{v} shop", "curl -u app:{v} https://h.initech.com/", "sshpass -p {v} ssh h", 'auth=("bob", "{v}")',
    "CREATE USER app WITH PASSWORD '{v}';", "IDENTIFIED BY '{v}'", "postgres://app:{v}@db.initech.com/x", 'setPassword("{v}")', '.password("{v}")',
    "https://bob:{v}@git.initech.com/r.git", 'new NetworkCredential("bob", "{v}")', "Server=h;Uid=sa;Pwd={v};", "-passout pass:{v}", "amqp://q:{v}@mq.initech.com",
)  # fmt: skip
HEADERS = (
    '"Authorization": "Bearer {v}"',
    "Bearer {v}",
    "X-Api-Key: {v}",
    "Cookie: session={v}; a=b",
    "-H 'Authorization: token {v}'",
    'headers["x-auth-token"] = "{v}"',
)

WORDS = ("dragon", "monkey", "sunshine", "letmein", "qwerty", "football", "shadow", "master", "berlin", "pepper", "wizard", "tiger", "summer",
         "banana", "orange", "winter", "hunter", "freedom", "whatever", "trustno", "starwars", "cheese", "purple", "silver")  # fmt: skip


class Line(NamedTuple):
    """A text of a line or a few, its secret (empty: none), and its kind."""

    text: str
    secret: str
    kind: str


def _drawn(source: random.Random) -> str:
    alphabet = source.choice(
        [ALNUM, ALNUM, HEX, ALNUM + "_-", string.ascii_lowercase + string.digits]
    )
    value = "".join(source.choices(alphabet, k=source.choice([16, 20, 24, 32, 32, 40, 43, 64])))
    return "a" + value.strip("-_") + "7"


def _chosen(source: random.Random) -> str:
    word = source.choice(WORDS)
    return source.choice(
        [f"{word.title()}{source.randint(1, 2030)}", f"{word}{source.randint(1, 999)}!", f"{word.title()}@{source.randint(1, 99)}",
         "".join(source.choices(ALNUM, k=10)) + "4x", f"{word}#{source.choice(WORDS)}", f"P@ss{source.randint(1, 9999)}w0rd", f"{word}_{source.randint(10, 99)}"]
    )  # fmt: skip


def positives(source: random.Random) -> Iterator[Line]:
    kind = source.choice(["drawn", "drawn", "drawn", "chosen", "chosen", "word", "alone", "header"])
    if kind == "drawn":
        name, value = source.choice(KEY_NAMES + PASSWORD_NAMES), _drawn(source)
        yield Line(source.choice(QUOTED + BARE).format(n=name, v=value), value, kind)
    elif kind == "chosen":
        name, value = source.choice(PASSWORD_NAMES), _chosen(source)
        frames = QUOTED + WITH_USER + tuple(frame for frame in BARE if "&" not in frame)
        yield Line(source.choice(frames).format(n=name, v=value), value, kind)
    elif kind == "word":
        name, value = source.choice(PASSWORD_NAMES), source.choice(WORDS)
        yield Line(source.choice(WITH_USER + QUOTED[:10]).format(n=name, v=value), value, kind)
    elif kind == "alone":
        value = source.choice(
            [
                _drawn(source)[:14],
                _chosen(source).replace("@", "").replace("#", "").replace("!", ""),
            ]
        )
        yield Line(source.choice(ALONE).format(v=value), value, kind)
    else:
        value = _drawn(source)
        yield Line(source.choice(HEADERS).format(v=value), value, kind)


REFERENCES = ("get_{n}()", "config.{n}", "self._{n}", "os.environ['{u}']", "${{{u}}}", "process.env.{u}", "args.{n}", "request.form['{n}']", "{{{{ {n} }}}}",
              "$({u})", "vault.read('{n}')", "<%= @{n} %>", "None", "null", "true", "{n}", 'props.getProperty("{n}")', "%({n})s", "$1", "input[0]", "await get(x)")  # fmt: skip
LABELS = ("Password", "Your password", "Enter {n}", "{n}_field", "{n}-input", "Passwort", "Contraseña", "string", "text", "required", "{n}.label", "hidden",
          "invalid_{n}", "{u}_ERROR", "form.{n}", "Mot de passe", "bearer", "oauth2", "basic", "/users/{n}/edit", "{n}.txt", "id_rsa.pub", "sha256", "utf-8")  # fmt: skip
PLACEHOLDERS = ("changeme", "YOUR_{u}", "your-{n}-here", "<{n}>", "xxxxxxxx", "********", "REDACTED", "[FILTERED]", "example", "dummy", "test", "password", "secret",
                "{n}_removed", "todo", "insert_{n}", "...", "foo", "placeholder", "mypassword", "abc", "none", "default", "FAKE_{u}", "my-{n}")  # fmt: skip
OTHERS = (
    "script-src 'sha256-{b}='", 'integrity="sha384-{b}"', 'ETag: "{h}"', "commit {h}", "uses: a/b@{h}", "sha256:{h}{h}", 'uuid = "{u}"', "checksum: {h}", "v{q}",
    "libfoo {q}", '"version": "{q}"', "host {p}", "127.0.0.1:8080", "user@example.com", "git@github.com:a/b.git", "icon@2x.png", "tel-{d}", "id: {d}", "{d}.{d}",
    'public_key = "{b}"', 'token_type = "Bearer"', "keyboard = 'qwerty12'", 'primary_key = "user_id_2"', "key = lambda x: x[1]", "for key, value in d.items():",
    "if password == confirm:", "def set_password(self, password):", "password: str", "@password_required", "import secrets", "tokens = tokenize(text)",
    "key_path = '/etc/ssl/private/k1.pem'", 'cache_key = "user:{d}"', "auth_url = 'https://h.initech.com/oauth2/token'", "etag = '{h}'", 'nonce = "{b}"', "fingerprint: {h}",
)  # fmt: skip


def negatives(source: random.Random) -> Iterator[Line]:
    name = source.choice(PASSWORD_NAMES + KEY_NAMES)
    kind = source.choice(["reference", "label", "placeholder", "other"])
    if kind == "other":
        fill = {
            "b": "".join(source.choices(ALNUM + "+/", k=43)), "h": "".join(source.choices(HEX, k=40)), "d": str(source.randint(10**9, 10**10)),
            "u": f"{source.getrandbits(32):08x}-1b2c-4d5e-8f90-{source.getrandbits(48):012x}", "p": f"192.168.{source.randint(0, 9)}.{source.randint(1, 99)}",
            "q": ".".join(str(source.randint(0, 40)) for _ in range(4)),
        }  # fmt: skip
        yield Line(source.choice(OTHERS).format(**fill), "", kind)
        return
    values = {"reference": REFERENCES, "label": LABELS, "placeholder": PLACEHOLDERS}[kind]
    plain = name.replace(".", "_")
    value = source.choice(values).format(n=plain.lower(), u=plain.upper())
    frames = BARE[:6] if kind == "reference" else QUOTED + WITH_USER[:4]
    yield Line(source.choice(frames).format(n=name, v=value), "", kind)


def lines(seed: int, count: int = LINES) -> list[Line]:
    source = random.Random(seed)
    out = [next(positives(source) if i % 2 else negatives(source)) for i in range(count)]
    source.shuffle(out)
    return out


def found(drawn: Sequence[Line], level: Level) -> list[bool]:
    """Of each line: whether its secret is covered, or, where it has none, whether anything is."""
    texts = [f"x\n{line.text}\n".encode() for line in drawn]
    out = []
    for line, text, spans in zip(drawn, texts, spans_at(texts, level), strict=True):
        low = text.rindex(line.secret.encode())
        covered = is_covered(spans, low, low + len(line.secret.encode()))
        out.append(covered if line.secret else bool(spans))
    return out


def figures(seeds: Sequence[int], level: Level) -> Counts:
    drawn = [line for seed in seeds for line in lines(seed)]
    told = found(drawn, level)
    return count((bool(line.secret), hit) for line, hit in zip(drawn, told, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=DEVELOPMENT_SEED)
    parser.add_argument("--show", default="")
    options = parser.parse_args()
    for level in SCORE_MIN:
        each = figures([options.seed], level)
        print(
            f"{level}: P {each.precision:.3f} R {each.recall:.3f} F1 {each.f1:.3f} false {each.false_share:.3f}"
        )
    if options.show:
        drawn = lines(options.seed)
        for line, hit in zip(drawn, found(drawn, options.show), strict=True):
            if hit != bool(line.secret):
                print("missed" if line.secret else "false", line.kind, repr(line.text[:150]))


if __name__ == "__main__":
    main()
