"""Values that code gives to a name like password, token or secret; URLs with a password; JWTs.

In: a text and where a candidate ends. Out: findings, scored by what the name says and by how much
the value looks drawn or chosen. Always holds: a check reads a bounded window.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackyard.pii import allow, strength
from stackyard.pii.checks import jwt_header
from stackyard.pii.findings import ALLOWED_SCORE, Finding
from stackyard.pii.rules import ASSIGN, NAME_REST, OPENING

_WORD_LIST = (b"pass", b"pwd", b"secret", b"token", b"key", b"cred", b"auth", b"bearer")
_WORDS = b"(?:" + b"|".join(_WORD_LIST) + b")"
ASSIGNMENT_ANCHOR = _WORDS + NAME_REST + ASSIGN + OPENING + rb"[^\s'\"`<>(){}\[\],;$]{4}"
URL_ANCHOR = rb"://[^\s/:@'\"<>]{0,64}:[^\s/@'\"<>]{1,128}@"
JWT_ANCHOR = rb"eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{4}"

BEFORE, AFTER = 160, 320
"""Bytes read before and after the end of a candidate."""

_ASSIGNMENT = re.compile(
    rb"(?i)(?P<name>" + _WORDS + rb"[\w.\-]{0,40})"
    rb"[\\'\"\])}]{0,4}[ \t]{0,24}(?P<sign>" + ASSIGN + rb")"
    rb"(?:[\\]?(?:[a-z]|@)?(?P<quote>['\"`])(?P<quoted>[^'\"`\r\n]{4,256})['\"`]"
    rb"|(?P<bare>[^\s'\"`,;<>(){}\[\]\\]{6,256})(?=[\s,;'\"&<\\]|$))"
)

_PASSWORD_NAME = re.compile(
    rb"(?i)pass(?:word|wd|phrase|code)?s?$|pwd$|^pw$|pass(?:word|wd|phrase)"
)
_QUOTED_END = re.compile(rb"['\"]")
_KEY_NAME = re.compile(
    rb"(?i)secret|token|credential|(?:api|access|auth|private|client|encrypt\w*|sign\w*|master|service|"
    rb"account|storage|shared|session|app|application|crypt\w*|cipher|aes|hmac|license|admin|db|"
    rb"database|deploy|webhook|consumer|subscription|secure|security|root|server)[._-]?keys?$|"
    rb"apikey|bearer|authorization|auth$"
)
_OTHER_NAME = re.compile(
    rb"(?i)public|pubkey|primary|foreign|sort_?key|cache|partition|index|lookup|hot_?key|short|monkey|"
    rb"donkey|keyboard|key_?word|key_?code|key_?frame|key_?name|key_?path|key_?space|key_?stroke|"
    rb"key_?(?:up|down|press|chain|store|ring|pair|len|size|type|id|file|bits|length|error)|compass|"
    rb"bypass|passive|passenger|passing|passed|author(?!iz)|authent|tokeni[sz]|token_?(?:type|url|uri|"
    rb"endpoint|count|len|name|class|kind|id|list)|encompass|secretary|"
    rb"(?:_|-|\.|[a-z](?=[A-Z]))(?i:id|ids|name|names|type|url|uri|path|file|field|label|prefix|suffix|length|len|"
    rb"size|format|hint|header|pattern|regex|class|alg|algorithm|param|params|policy|title|text|message|"
    rb"msg|placeholder|error|help|desc|description|hash|digest|checksum|fingerprint|sha\d*|md5|count|"
    rb"index|version|required|enabled|expiry|expires|ttl|timeout|column|selector|xpath|ref|arn)$"
)
_CODE = re.compile(r"^[A-Za-z_][\w.]*$|[=:&|?]|^\*/")
"""An unquoted value that is a name or an expression."""

RANDOM_SCORE, CHOSEN_SCORE, WORD_SCORE, OTHER_SCORE = 0.8, 0.7, 0.4, 0.2
"""A drawn value under a secret's name; a chosen one under a password's; a word there; a value under
a name that says something else."""

SHORT_VALUE = 16
GENERIC_VALUE_MIN = 20
"""Characters from which a drawn value under a bare `key` counts as a key."""


def assignment(text: bytes, end: int) -> Iterator[Finding]:
    """Values assigned on the line of a candidate, near it."""
    low, high = max(0, end - BEFORE), min(len(text), end + AFTER)
    low = max(low, text.rfind(b"\n", low, end) + 1)
    for match in _assignments_to(text, low, end, high):
        group = "quoted" if match["quoted"] is not None else "bare"
        start, stop = match.span(group)
        if stop < end:
            continue
        value = text[start:stop].rstrip(b"\\")
        stop = start + len(value)
        sign, name = match["sign"].strip(), _whole_name(text, match)
        is_said = sign not in {b",", b"("}
        if group == "bare" and not is_said:
            continue
        if sign == b"(":
            name = name.rsplit(b".", 1)[-1]
        elif sign == b"," and not _QUOTED_END.search(text, match.end("name"), match.start("sign")):
            continue
        score = _worth(
            name, value.decode("utf-8", "replace"), is_quoted=group == "quoted", is_said=is_said
        )
        if score:
            if allow.first_that_holds(allow.SECRET, text, start, stop):
                score = ALLOWED_SCORE
            yield Finding(start, stop, "secret_keyword", "assignment", score)


def _assignments_to(text: bytes, low: int, end: int, high: int) -> Iterator[re.Match[bytes]]:
    """Assignments to a name with a word before a candidate's end, the nearest first."""
    before = text[low:end].lower()
    starts = {low + before.rfind(word) for word in _WORD_LIST} | {
        low + before.rfind(word, 0, max(0, before.rfind(word))) for word in _WORD_LIST
    }
    for start in sorted(starts - {low - 1}, reverse=True):
        match = _ASSIGNMENT.match(text, start, high)
        if match is not None:
            yield match


_NAME_BYTES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
NAME_BYTES_MAX = 64


def _whole_name(text: bytes, match: re.Match[bytes]) -> bytes:
    """The name from its beginning: the pattern starts at the word in it that woke the check."""
    before = text[max(0, match.start() - NAME_BYTES_MAX) : match.start()]
    return before[len(before.rstrip(_NAME_BYTES)) :] + match["name"]


def _worth(name: bytes, value: str, *, is_quoted: bool, is_said: bool) -> float:
    """What the name and the value say together; 0 where neither says anything."""
    is_drawn = strength.is_random(value)
    if _OTHER_NAME.search(name):
        return OTHER_SCORE if is_drawn else 0.0
    if _PASSWORD_NAME.search(name):
        if is_drawn:
            return RANDOM_SCORE
        if not is_quoted and _CODE.search(value):
            return 0.0
        if is_said and strength.is_password(value):
            return CHOSEN_SCORE
        return WORD_SCORE if is_quoted else 0.0
    if not is_drawn:
        return 0.0
    if _KEY_NAME.search(name):
        return RANDOM_SCORE if len(value) >= SHORT_VALUE else CHOSEN_SCORE
    is_generic_key = is_quoted and is_said and not strength.is_hex(value)
    return CHOSEN_SCORE if is_generic_key and len(value) >= GENERIC_VALUE_MIN else WORD_SCORE


OPTION_ANCHOR = (
    rb"--[a-z-]{0,20}(?:pass|token|secret|key)[a-z-]{0,20} ['\"]?[^\s'\"$<>\[{(-][^\s'\"]{5}"
)
USER_ANCHOR = rb" (?:-u|--user)[ =]['\"]?[A-Za-z0-9_.@-]{1,64}:[^\s'\"]{4}"
_OPTION = re.compile(
    rb"(?i)[\s'\"]--?(?P<name>[a-z-]{0,20}(?:pass|token|secret|key)[a-z-]{0,20}) ['\"]?(?P<value>[^\s'\"]{6,256})"
)
_USER = re.compile(
    rb" (?:-u|--user)[ =]['\"]?[A-Za-z0-9_.@-]{1,64}:(?P<value>[^\s'\"@]{4,128})(?=['\"\s]|$)"
)
_FETCHER = re.compile(rb"(?i)curl|wget|httpie|\bhttp\b|docker|podman|mysql|ldap|rsync")


def option(text: bytes, end: int) -> Iterator[Finding]:
    """The value of an option such as `--password VALUE` on a command line."""
    for match in _OPTION.finditer(text, max(0, end - 80), min(len(text), end + AFTER)):
        if match.start() < end <= match.end():
            value = match["value"].decode("utf-8", "replace")
            score = _worth(match["name"], value, is_quoted=False, is_said=True)
            if score and not allow.first_that_holds(allow.SECRET, text, *match.span("value")):
                yield Finding(*match.span("value"), "secret_keyword", "option", score)


def user_option(text: bytes, end: int) -> Iterator[Finding]:
    """The password of `curl -u user:password` and the like."""
    for match in _USER.finditer(text, max(0, end - 100), min(len(text), end + AFTER)):
        line = text[max(0, match.start() - BEFORE) : match.start()].rsplit(b"\n", 1)[-1]
        if not match.start() < end <= match.end() or not _FETCHER.search(line):
            continue
        value = match["value"].decode("utf-8", "replace")
        if allow.first_that_holds(allow.SECRET, text, *match.span("value")):
            continue
        is_real = strength.is_random(value) or strength.is_password(value)
        score = CHOSEN_SCORE if is_real else WORD_SCORE
        yield Finding(*match.span("value"), "basic_auth", "user-option", score)


_URL = re.compile(
    rb"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,20})://(?P<user>[^\s/:@'\"<>]{0,64}):"
    rb"(?P<password>[^\s/@'\"<>]{1,128})@(?P<host>[A-Za-z0-9_.\-\[\]{}$]{1,64})"
)
_URL_DUMMY = re.compile(
    rb"(?i:p|test|foo|bar|baz|xxx+|y+|postgres|mysql|mongo|redis|rabbitmq|tiger|[a-z])|\d{1,5}|[A-Z]+(?:_[A-Z]+)+"
)
"""Passwords of development servers and of Oracle's sample account (scott), ports, and names of variables; words are `allow.SECRET`'s."""


def url_password(text: bytes, end: int) -> Iterator[Finding]:
    """The password of the URL whose `@` a candidate ends in."""
    low = max(0, end - BEFORE - 64)
    for match in _URL.finditer(text, low, min(len(text), end + 80)):
        if match.start() >= end or match.end("password") + 1 < end:
            continue
        start, stop = match.span("password")
        name = allow.first_that_holds(allow.SECRET, text, start, stop)
        value = match["password"].decode("utf-8", "replace")
        score = 0.9 if strength.is_random(value) else 0.8
        if name or _URL_DUMMY.fullmatch(match["password"]):
            score = WORD_SCORE
        if allow.EXAMPLE_DOMAIN.search(match["host"]):
            score = min(score, CHOSEN_SCORE)
        yield Finding(start, stop, "basic_auth", "url-password", score)
        return


_JWT = re.compile(
    rb"eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{4,16000}(?:\.[A-Za-z0-9_-]{0,4000}){1,3}"
)
JWT_BYTES_MAX = 20_000


def jwt(text: bytes, end: int) -> Iterator[Finding]:
    """The token (JWS or JWE, compact) whose first dot stands before a candidate's end."""
    dot = text.rfind(b".", max(0, end - 8), end)
    head = text[max(0, dot - 4010) : dot]
    start = dot - (len(head) - head.rfind(b"eyJ"))
    match = _JWT.match(text, start, min(len(text), start + JWT_BYTES_MAX))
    if match is None or not jwt_header(match[0]):
        return
    yield Finding(start, match.end(), "jwt", "jwt", 0.95, "valid")
