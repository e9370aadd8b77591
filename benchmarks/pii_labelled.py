"""A labelled set of our own making, and precision and recall on it by entity and level.

    python -m benchmarks.pii_labelled [--files N] [--others]

Secrets and personal data are drawn from the formats that providers document (rules.yaml's own
examples, keys made by `cryptography`, numbers with valid checksums), and planted with as many hard
negatives, a line each, into real files of this Python environment in ten languages and more. Only
planted lines are labelled: what a file held before is counted nowhere. `--others` runs
detect-secrets, kingfisher and betterleaks on the same files.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import site
import string
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import phonenumbers
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from benchmarks.drawing import draw
from benchmarks.pii_counts import Counts, Spans, count, is_covered, spans_at
from stackyard.pii.checks import iban, luhn
from stackyard.pii.numbers import TEST_CARDS
from stackyard.pii.params import SCORE_MIN, Level
from stackyard.pii.phones import REGIONS
from stackyard.pii.rules import rules
from stackyard.pii.second import second_findings

SUFFIXES = (".py", ".js", ".json", ".html", ".css", ".md", ".c", ".h", ".pyx", ".sh", ".toml", ".yaml",
            ".rst", ".ts", ".cpp", ".xml", ".ini", ".java", ".txt")  # fmt: skip
GROUPS = ("provider token", "private key", "email", "ipv4", "ipv6", "card", "iban", "entropy key",
          "password", "jwt", "url password", "phone")  # fmt: skip
ALNUM = string.ascii_letters + string.digits


class Planted(NamedTuple):
    """A line to plant: what it says, which part of it is secret (empty: none), and its group."""

    line: str
    secret: str
    group: str


def _frames(value: str, name: str, source: random.Random) -> str:
    return source.choice(
        [f'{name} = "{value}"', f"{name}: '{value}'", f'"{name}": "{value}",', f"{name.upper()}={value}",
         f'const {name} = "{value}";', f"export {name.upper()}='{value}'", f"  {name}: {value}",
         f'{name} := "{value}"', f"# {name}={value}", f'String {name} = "{value}";']
    )  # fmt: skip


def positives(seed: int) -> Iterator[Planted]:
    source = random.Random(seed)

    def letters(alphabet: str, count: int) -> str:
        return "".join(source.choices(alphabet, k=count))

    for rule in rules():
        for template in rule.positive:
            value = draw(template, seed)
            line = (
                value
                if rule.is_near
                else _frames(value, source.choice(["k", "value", "conf"]), source)
            )
            yield Planted(line, _core(value), "provider token")
    for key in _keys(source):
        yield Planted(key, key, "private key")
    for i in range(40):
        name = letters(string.ascii_lowercase, source.randint(3, 9))
        host = letters(string.ascii_lowercase, source.randint(4, 10))
        mail = (
            f"{name}{source.choice(['', '.x', '+y', str(i)])}@{source.choice(['', 'mail.'])}{host}"
        )
        mail += source.choice([".com", ".org", ".de", ".co.uk", ".io", ".edu"])
        frame = source.choice(["# Author: A B <{}>", '"email": "{}",', "mailto:{}", "@author x ({})",
                               "Contact {} for help.", "maintainer={}"])  # fmt: skip
        yield Planted(frame.format(mail), mail, "email")
        quad = f"{source.choice([23, 45, 52, 81, 93, 104, 151, 185, 213])}." + ".".join(
            str(source.randint(16, 254)) for _ in range(3)
        )
        frame = source.choice(["host = '{}'", "ssh root@{}", "http://{}:8080/", "server {};", '"{}",',
                               "allow from {}", "# see {} in the log"])  # fmt: skip
        yield Planted(frame.format(quad), quad, "ipv4")
    for _ in range(15):
        six = f"2a0{source.randint(1, 9)}:{letters('123456789abcdef', 4)}:" + ":".join(
            letters("123456789abcdef", source.randint(1, 4)) for _ in range(2)
        )
        six += "::" + letters("123456789abcdef", 4)
        yield Planted(
            source.choice(["addr = '{}'", "[{}]:443", "AAAA {}"]).format(six), six, "ipv6"
        )
        number = _card(source)
        grouped = " ".join(number[i : i + 4] for i in range(0, 16, 4))
        shown = source.choice([number, grouped, grouped.replace(" ", "-")])
        frame = source.choice(
            ["card_number = '{}'", "credit card: {}", '"visa": "{}",', "payment with {}"]
        )
        yield Planted(frame.format(shown), shown, "card")
        account = _iban(source)
        yield Planted(
            source.choice(["iban = '{}'", "Konto: {}", '"{}"']).format(account), account, "iban"
        )
    for _ in range(60):
        alphabet = source.choice(
            [ALNUM, ALNUM, "0123456789abcdef", ALNUM + "+/", string.ascii_lowercase + string.digits]
        )
        value = letters(alphabet, source.choice([20, 24, 32, 32, 40, 40, 43, 48, 64]))
        name = source.choice(["api_key", "secret", "access_token", "auth_token", "client_secret", "signing_key",
                              "encryption_key", "app_secret", "private_key", "service_key", "apiKey", "secretKey",
                              "token", "webhook_secret", "session_secret"])  # fmt: skip
        yield Planted(_frames(value, name, source), value, "entropy key")
        word = source.choice(
            ["Summer", "dragon", "Tiger", "hunter", "blue", "Berlin", "monkey", "Winter"]
        )
        chosen = source.choice([
            f"{word}{source.randint(10, 2030)}!", f"{letters(ALNUM, 10)}", f"{word}@{source.randint(1, 999)}",
            f"{letters(string.ascii_lowercase, 5)}{source.randint(10, 99)}{letters('!#%&', 1)}",
        ])  # fmt: skip
        name = source.choice(
            ["password", "db_password", "passwd", "pwd", "user_pass", "rootPassword"]
        )
        yield Planted(_frames(chosen, name, source), chosen, "password")
    for _ in range(20):
        token = (
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
            "eyJzdWIiOiI" + letters(ALNUM, 40) + "." + letters(ALNUM + "-_", 43)
        )
        yield Planted(
            source.choice(["t = '{}'", "Authorization: Bearer {}", '"jwt": "{}"']).format(token),
            token,
            "jwt",
        )
        password = letters(ALNUM, source.randint(8, 20))
        scheme = source.choice(
            ["postgres", "mysql", "mongodb+srv", "redis", "amqp", "https", "ftp"]
        )
        url = (
            f"{scheme}://svc:{password}@db{source.randint(1, 9)}.corp-{letters('abcdef', 4)}.net/x"
        )
        yield Planted(
            source.choice(["url = '{}'", "DATABASE_URL={}", "  dsn: {}"]).format(url),
            password,
            "url password",
        )
    for number, shown in _phones(source):
        frames = [
            "phone: {}",
            '"mobile": "{}",',
            "# Fax {}",
            "tel:{}",
            "call {} for help",
            "phone_number = '{}'",
        ]
        if number == "international":
            frames += ["n = '{}'", "// see {}", "<b>{}</b>"]
        yield Planted(source.choice(frames).format(shown), shown, "phone")


def _phones(source: random.Random) -> Iterator[tuple[str, str]]:
    """Valid numbers near libphonenumber's examples, as people write them, by whether they have a country code."""
    for region in (
        "US",
        "GB",
        "DE",
        "FR",
        "IN",
        "BR",
        "ES",
        "AT",
        "JP",
        "AU",
        "NL",
        "PL",
        "SE",
        "CH",
    ):
        example = phonenumbers.example_number(region)
        assert example is not None
        for _ in range(4):
            drawn = 0
            while not drawn or not phonenumbers.is_valid_number(_with_national(example, drawn)):
                shown = str(example.national_number)
                drawn = int(shown[:-4] + "".join(source.choices(string.digits, k=4)))
            number = _with_national(example, drawn)
            layout = source.choice(["E164", "INTERNATIONAL", "INTERNATIONAL", "NATIONAL"])
            if layout == "NATIONAL" and region not in REGIONS:
                layout = "INTERNATIONAL"
            kind = getattr(phonenumbers.PhoneNumberFormat, layout)
            name = "national" if layout == "NATIONAL" else "international"
            yield name, phonenumbers.format_number(number, kind)


def _with_national(example: phonenumbers.PhoneNumber, number: int) -> phonenumbers.PhoneNumber:
    return phonenumbers.PhoneNumber(country_code=example.country_code, national_number=number)


def _core(text: str) -> str:
    """The credential in a line: the longest run of what tokens are made of, where there is more."""
    if not re.search(r"://|[=\" ]", text):
        return text
    if "://" not in text:
        # what the name is given, not the name
        text = re.sub(r'^"?[A-Za-z_][A-Za-z_.-]*"? ?[=:] ?(?=.{8})', "", text)
    return max(re.split(r"[\s\"=/?&,;@:%]+", text), key=len)


def _keys(source: random.Random) -> Iterator[str]:
    made: list[Any] = [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1()),
            ed25519.Ed25519PrivateKey.generate(), dsa.generate_private_key(1024)]  # fmt: skip
    formats = [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL,
               serialization.PrivateFormat.OpenSSH]  # fmt: skip
    for key in made:
        for layout in formats:
            if isinstance(key, ed25519.Ed25519PrivateKey) and layout is formats[1]:
                continue
            pem = key.private_bytes(
                serialization.Encoding.PEM, layout, serialization.NoEncryption()
            )
            text = pem.decode().strip()
            yield text
            yield text.replace("\n", "\\n")
            yield text.replace("\n", "\n" + " " * source.randint(2, 8))


def _card(source: random.Random) -> str:
    while True:
        body = source.choice(["4", "51", "55", "2221"])
        body += "".join(source.choices(string.digits, k=15 - len(body)))
        number = next(body + d for d in string.digits if luhn((body + d).encode()))
        if number.encode() not in TEST_CARDS:
            return number


def _iban(source: random.Random) -> str:
    country, length = source.choice([("DE", 18), ("FR", 23), ("NL", 0), ("ES", 20), ("GB", 0)])
    body = {"NL": "ABNA" + "".join(source.choices(string.digits, k=10)),
            "GB": "WEST" + "".join(source.choices(string.digits, k=14))}.get(
        country, "".join(source.choices(string.digits, k=length)))  # fmt: skip
    return next(
        f"{country}{c:02d}{body}" for c in range(2, 99) if iban(f"{country}{c:02d}{body}".encode())
    )


def negatives(seed: int) -> Iterator[Planted]:
    source = random.Random(seed + 1)

    def letters(alphabet: str, count: int) -> str:
        return "".join(source.choices(alphabet, k=count))

    hexa = "0123456789abcdef"
    for rule in rules():
        # A value too short for its format, under a secret's name, is no hard negative: it may be one.
        for template in () if rule.is_near else rule.negative:
            if "=" in template or '"' in template:
                continue
            yield Planted(draw(template, seed), "", "provider token")
    for i in range(25):
        v = [source.randint(0, 15) for _ in range(4)]
        quad = ".".join(map(str, v))
        for line, group in (
            (f"git@github.com:octo-org/repo{i}.git", "email"), (f"user{i}@example.com", "email"),
            (f"@app.route('/x{i}')", "email"), (f"icon@{i}x.png", "email"), (f"left-pad@{i}.0.1", "email"),
            (f"version = '{quad}'", "ipv4"), (f"1.3.6.1.4.{i}.311.2", "ipv4"), (f"10.{quad[:3]}.0.{i}", "ipv4"),
            (f"192.168.{i}.1", "ipv4"), (f"v{quad}", "ipv4"), (f'AssemblyVersion("{quad}")', "ipv4"),
            (f"std::map<int, a::b{i}>", "ipv6"), (f"2001:db8::{i + 1:x}", "ipv6"), (f"12:{i:02d}:45", "ipv6"),
            (f"id = {letters('123456789', 16)}", "card"), (f"0.{letters('123456789', 16)}", "card"),
            (f"4111 1111 1111 1111 // test {i}", "card"), (f"ref = 'DE{letters('0123456789', 20)}'", "iban"),
            (f"sha256 = '{letters(hexa, 64)}'", "entropy key"), (f'"integrity": "sha512-{letters(ALNUM, 86)}=="', "entropy key"),
            (f"commit = '{letters(hexa, 40)}'", "entropy key"), (f'uuid = "{draw("<uuid>", i)}"', "entropy key"),
            (f'cache_key = "user_profile_{i}"', "entropy key"), (f"token = lexer.next_token({i})", "entropy key"),
            (f"api_key = os.environ['API_KEY_{i}']", "entropy key"), (f'secret = "${{SECRET_{i}}}"', "entropy key"),
            (f'"etag": "{letters(hexa, 32)}"', "entropy key"), (f'key="settings.section{i}.title"', "entropy key"),
            (f"password = get_password({i})", "password"), ("password: ''", "password"), (f'label = "Password {i}"', "password"),
            (f'"password": "<password>",  // {i}', "password"), (f"password = config.password{i}", "password"),
            (f"if password != confirm_password{i}:", "password"), ('password = "changeme"', "password"),
            (f"http://localhost:80{i:02d}/a@b", "url password"), ("https://user:password@example.com/", "url password"),
            (f'if "-----BEGIN RSA PRIVATE KEY-----" in text{i}:', "private key"),
            (f"-----BEGIN PUBLIC KEY----- {i}", "private key"), (f"eyJ.{i}.x", "jwt"),
        ):  # fmt: skip
            yield Planted(line, "", group)
        digits = letters("0123456789", 10)
        for line in (
            f"x = 1e+1{digits}", f"v1.0.{i}+2{digits}", f"2023-11-14T22:13:{i:02d}+01:00", f"phone_id = 0x{digits}",
            f"tel 2023-11-{i % 28 + 1:02d} 22:13:20", f"telemetry: 1{digits}", f"sms sent at 17{digits[:8]}",
            f"call 1.2{i}.{digits[:4]}.{i}", f"a[{i}] +12345{digits}", f"fax: ISBN 978-3-16-14841{i % 10}-0",
            f'"phone": "(212) 555-01{i:02d}"', f"cell({i}, 10{i:02d}2030) = 1", f"contact #{digits}",
        ):  # fmt: skip
            yield Planted(line, "", "phone")


class Sample(NamedTuple):
    """A file with planted lines: where each begins, in bytes."""

    text: bytes
    labels: tuple[tuple[int, int, Planted], ...]


def real_files(count: int) -> list[tuple[str, bytes]]:
    """Files of the environment, spread over suffixes, small, UTF-8, in a fixed order."""
    by_suffix: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(Path(site.getsitepackages()[0]).rglob("*")):
        if path.suffix in SUFFIXES and path.is_file() and 500 < path.stat().st_size < 30_000:
            by_suffix[path.suffix].append(path)
    for paths in by_suffix.values():
        random.Random(1).shuffle(paths)
    out: list[tuple[str, bytes]] = []
    turn = 0
    while len(out) < count:
        for suffix in sorted(by_suffix):
            if turn < len(by_suffix[suffix]) and len(out) < count:
                text = by_suffix[suffix][turn].read_bytes()
                try:
                    text.decode()
                except UnicodeDecodeError:
                    continue
                if b"\r" not in text:
                    out.append((suffix, text))
        turn += 1
    return out


def build(files: Sequence[tuple[str, bytes]], seed: int) -> list[Sample]:
    planted = [*positives(seed), *negatives(seed), *positives(seed + 1), *negatives(seed + 1)]
    random.Random(seed).shuffle(planted)
    shares: list[list[Planted]] = [planted[i :: len(files)] for i in range(len(files))]
    out = []
    for (_, text), share in zip(files, shares, strict=True):
        lines = text.split(b"\n")
        source = random.Random(len(text))
        places = sorted(source.sample(range(len(lines) + 1), min(len(share), len(lines) + 1)))
        body = b""
        labels = []
        last = 0
        for place, plant in zip(places, share, strict=False):
            body += b"".join(line + b"\n" for line in lines[last:place])
            last = place
            start = len(body)
            body += plant.line.encode() + b"\n"
            labels.append((start, len(body), plant))
        body += b"\n".join(lines[last:])
        out.append(Sample(body, tuple(labels)))
    return out


def score(samples: Sequence[Sample], spans: Sequence[Spans]) -> dict[str, Counts]:
    """A secret counts as found where spans cover all of it; a line without one as false if any touches it."""
    places: dict[str, list[tuple[bool, bool]]] = {group: [] for group in GROUPS}
    for sample, found in zip(samples, spans, strict=True):
        for start, end, plant in sample.labels:
            inside = [(a, b) for a, b in found if a < end and b > start]
            low = sample.text.index(plant.secret.encode(), start)
            covered = is_covered(inside, low, low + len(plant.secret.encode()))
            places[plant.group].append(
                (bool(plant.secret), covered if plant.secret else bool(inside))
            )
    return {group: count(each) for group, each in places.items()}


def ours(samples: Sequence[Sample], level: Level) -> list[Spans]:
    return spans_at([sample.text for sample in samples], level)


def kingfisher(samples: Sequence[Sample]) -> list[list[tuple[int, int]]]:
    return [
        [(f.start_byte, f.end_byte) for f in second_findings(sample.text)] for sample in samples
    ]


def detect_secrets(samples: Sequence[Sample]) -> list[list[tuple[int, int]]]:
    """What detect-secrets reports, as the stretches of the line where its secret stands."""
    from detect_secrets.core.scan import _process_line_based_plugins
    from detect_secrets.settings import default_settings, get_settings

    out = []
    with default_settings():
        get_settings().disable_filters(
            "detect_secrets.filters.common.is_ignored_due_to_verification_policies",
            "detect_secrets.filters.common.is_invalid_file",
        )
        for sample in samples:
            lines = sample.text.decode().split("\n")
            starts = [0]
            for line in lines:
                starts.append(starts[-1] + len(line.encode()) + 1)
            spans = []
            for secret in _process_line_based_plugins(list(enumerate(lines, start=1)), "text"):
                line = lines[secret.line_number - 1]
                place = line.find(str(secret.secret_value))
                low = starts[secret.line_number - 1] + len(line[: max(place, 0)].encode())
                spans.append((low, low + len(str(secret.secret_value).encode())))
            out.append(spans)
    return out


BETTERLEAKS_ENV = Path("work/benchmarks/betterleaks-env")


def betterleaks(samples: Sequence[Sample]) -> list[list[tuple[int, int]]]:
    """What betterleaks reports, from an environment of its own; it asks no provider (no `--validate`)."""
    here = Path(__file__).parent
    subprocess.run(["sh", here / "pii_betterleaks.sh", BETTERLEAKS_ENV], check=True)
    spans: list[list[tuple[int, int]]] = [[] for _ in samples]
    with tempfile.TemporaryDirectory() as folder:
        for number, sample in enumerate(samples):
            (Path(folder) / f"{number}.txt").write_bytes(sample.text)
        report = Path(folder) / "report.json"
        command = [str(BETTERLEAKS_ENV / "bin/betterleaks"), folder, "-s", "-o", str(report)]
        command += ["--no-allow-signatures", "--exit-code", "0"]
        subprocess.run(command, check=True, capture_output=True)
        found = json.loads(report.read_bytes())["findings"]
    for each in found:
        number = int(Path(each["location"]["path"]).stem)
        text, value = samples[number].text, each["match"]["value"].encode()
        lines = text.split(b"\n", each["location"]["start_line"])
        start = sum(len(line) + 1 for line in lines[: each["location"]["start_line"] - 1])
        place = text.find(value, start)
        if place >= 0:
            spans[number].append((place, place + len(value)))
    return spans


def table(results: dict[str, dict[str, Counts]]) -> str:
    head = "| group | planted | " + " | ".join(f"{name} P / R" for name in results) + " |"
    rows = [head, "|---|---:|" + "---|" * len(results)]
    for group in GROUPS:
        first = next(iter(results.values()))[group]
        cells = [f"{r[group].precision:.3f} / {r[group].recall:.3f}" for r in results.values()]
        rows.append(f"| {group} | {first.true + first.missed} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--others", action="store_true")
    parser.add_argument("--show", default="")
    options = parser.parse_args()
    files = real_files(options.files)
    samples = build(files, options.seed)
    print(f"{len(files)} files, {len({s for s, _ in files})} suffixes, "
          f"{sum(len(s.labels) for s in samples)} planted lines")  # fmt: skip
    results = {level: score(samples, ours(samples, level)) for level in SCORE_MIN}
    named: dict[str, dict[str, Counts]] = dict(results.items())
    if options.others:
        named["detect-secrets 1.5"] = score(samples, detect_secrets(samples))
        named["kingfisher 1.5"] = score(samples, kingfisher(samples))
        named["betterleaks 2.0"] = score(samples, betterleaks(samples))
    print(table(named))
    if options.show:
        for sample, found in zip(samples, ours(samples, options.show), strict=True):
            for start, end, plant in sample.labels:
                hit = any(a < end and b > start for a, b in found)
                if hit != bool(plant.secret):
                    print("missed" if plant.secret else "false", plant.group, plant.line[:140])


if __name__ == "__main__":
    main()
