"""Values that code gives to a name like password, token or secret; URLs with a password; JWTs.

In: what `lexer` read, or a text and where a candidate ends. Out: findings, scored by what the name says
and by how much the value looks drawn or chosen. Always holds: a check reads a bounded window.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from stackyard.pii import allow, lexer, providers, strength
from stackyard.pii.checks import base64_pair, jwt_header
from stackyard.pii.findings import ALLOWED_SCORE, Finding

WORD_ANCHOR = (
    rb"(?:pass|pwd|pswd|pw[ds]?[\"'= :]|secret|token|key|cred|auth|bearer|login|sign_?in|identified|salt|"
    rb"securestring|pepper|basic|pdo|mysqli|psk|"
    rb"connect|contrase|senha|kennwort|clave|parol|" + providers.ALTERNATIVES + rb")"
)
"""Words that a secret's name has in it, in the languages that people name passwords in; `lexer` reads on."""

URL_ANCHOR = rb"://[^\s/:@'\"<>]{0,64}:[^\s/@'\"<>]{1,128}@"
JWT_ANCHOR = rb"eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{4}"

BEFORE, AFTER = 160, 320
"""Bytes read before and after the end of a candidate."""

RANDOM_SCORE, CHOSEN_SCORE, WORD_SCORE, OTHER_SCORE = 0.8, 0.7, 0.4, 0.2
"""A drawn value under a secret's name; a chosen one under a password's; a word there; a value under
a name that says something else."""

SHORT_VALUE = 16
GENERIC_VALUE_MIN = 20
"""Characters from which a drawn value under a bare `key` counts as a key."""

PASSWORD, KEY, SECRET, GENERIC, LOGIN, PROVIDER, OTHER = (
    "password",
    "key",
    "secret",
    "generic",
    "login",
    "provider",
    "other",
)

_PASSWORD_NAME = re.compile(
    rb"(?i)pass(?:word|wd|phrase|code|wort|ord)?s?\d{0,2}$|p(?:ass)?wd\d{0,2}$|pswd$|(?:^|"
    rb"[_.-])pw$|(?<=[a-z])Pw$|"
    rb"pass(?:word|wd|phrase)|(?:user|admin|root|db|database|my|ftp|smtp|mail)_?pass|contrase|senha|kennwort|"
    rb"clave$|parol[ae]?$|identified$|(?:^|[_.-])psk$"
)
_PLAIN_PASSWORD = re.compile(rb"(?i)(?<!by)(?:pass(?:word|wd|phrase)|pwd)s?\d?$|securestring$")
"""A name that ends so is a password's, whatever it begins with: `keyStorePassword`."""

_KEY_NAME = re.compile(
    rb"(?i)secret|token|credential|(?:api|access|auth|private|client|(?:en|de)crypt\w*|validation|"
    rb"sign\w*|master|service|"
    rb"account|storage|shared|session|app|application|crypt\w*|cipher|aes|hmac|license|admin|db|"
    rb"database|deploy|webhook|consumer|subscription|secure|security|root|server|jwt)[._-]?keys?$|"
    rb"(?:auth|logged_?in|nonce|security|app|secret|hash|password)[._-](?:keys?|salt)$|apikey|"
    rb"bearer|authorization|auth$|pepper$|"
    rb"(?-i:^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_KEY$)"
)
_SECRET_NAME = re.compile(rb"(?i)(?:^|[_.-]|(?<=[a-z])(?=S))secret$")
"""Names whose value people choose as they choose passwords."""
_CHOSEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w!@#$%^&*+]{6,64}")
_LOGIN_NAME = re.compile(
    rb"(?i)^(?:do_?|http_?|[a-z]{2,6}_)?(?:login|log_?in|sign_?in|authenticate|auth|credentials?|"
    rb"basic_?auth(?:entication)?|"
    rb"\w*connect|getconnection|mysqli|pdo|basic|set_?(?:basic_?)?auth|set_?credentials?|"
    rb"\w*credentials?|\w*authentication(?:token)?|"
    rb"http\w*auth|basic_?credentials?|authorize|login_?as|\w*auth)$"
)
_OTHER_NAME = re.compile(
    rb"(?i)publi[cs]|pubkey|site_?key|(?:gpg|pgp)_?key|primary|foreign|sort_?key|cache|partition|"
    rb"index|lookup|hot_?key|short|monkey|"
    rb"websocket|donkey|keyboard|key_?word|key_?code|key_?frame|key_?name|key_?path|key_?space|key_?stroke|"
    rb"key_?(?:up|down|press|chain|store|ring|pair|len|size|type|id|file|bits|length|error)|compass|"
    rb"[cx]srf|authenticity|verif(?:y|ier|ication)_?key|bypass|passive|passenger|passing|passed|"
    rb"author(?!iz)|authent|tokeni[sz]|token_?(?:type|url|uri|"
    rb"endpoint|count|len|name|class|kind|id|list)|encompass|secretary|"
    rb"(?:_|-|\.|[a-z](?=[A-Z]))(?i:id|ids|name|names|type|url|uri|path|file|field|label|prefix|"
    rb"suffix|length|len|"
    rb"size|format|hint|commit|revision|rev|sha|startswith|endswith|region|domain|host|account|"
    rb"channel|header|pattern|regex|class|alg|algorithm|param|params|policy|title|text|message|"
    rb"msg|placeholder|error|help|desc|description|hash|digest|checksum|fingerprint|sha\d*|md5|count|"
    rb"index|version|required|enabled|expiry|expires|ttl|timeout|column|selector|xpath|ref|arn)$"
)
_CODE = re.compile(r"^[A-Za-z_][\w.]*$|[=:&|?]|^\*/")
"""An unquoted value that is a name or an expression."""

_WHOLE_PASSWORD = re.compile(
    rb"(?:^|[_.-])(?i:pass(?:word|wd|phrase)?|pwd)s?$|(?:^|[.])[a-z][A-Za-z]*P(?:ass(?:word|wd|"
    rb"phrase)?|wd)s?$"
)
"""A name of which the password is a whole word: `('v3password', 'v3totp')` lists names, it gives nothing."""

_VERB = re.compile(rb"(?i)^(?:set|with|use|put)_?|^(?=pass(?:word|wd|phrase)$)")
"""What a call that takes a secret is called: `setPassword`, `.password`; not `checkPassword`."""

_VERBS = frozenset({b"pass", b"key", b"auth", b"token", b"login", b"connect"})
"""Names that are words of prose where a blank follows."""

_OUTCOMES = frozenset({b"PASS", b"Pass"})
"""Names that say before a colon how a test ended."""

_BASIC = b"basic "

_QUOTES = frozenset({b'"', b"'", b"`"})
_FORM_END = re.compile(rb"&(?:amp;)?[A-Za-z_][\w.-]*=")

_PROVIDER_NAME = re.compile(
    rb"(?i)(?:^|[_.-]|(?<=[a-z])(?=[A-Z]))(?:" + providers.ALTERNATIVES + rb")"
)
_GENERIC_NAME = re.compile(rb"(?i)key|pass|pwd|cred|auth|pw$")

WEIGHED = 4096
"""Names whose class is kept: code names its secrets by few words."""


@lru_cache(maxsize=WEIGHED)
def name_class(name: bytes) -> str:
    """What a whole name says of its value."""
    if _PLAIN_PASSWORD.search(name):
        return PASSWORD
    if _OTHER_NAME.search(name):
        return OTHER
    if _PASSWORD_NAME.search(name):
        return PASSWORD
    if _SECRET_NAME.search(name):
        return SECRET
    if _KEY_NAME.search(name):
        return KEY
    if _LOGIN_NAME.search(name):
        return LOGIN
    if _PROVIDER_NAME.search(name):
        return PROVIDER
    return GENERIC if _GENERIC_NAME.search(name) else OTHER


class Assigned(NamedTuple):
    """One assignment that `lexer` read: spans in bytes of the text, sign, form and mark."""

    name_start: int
    name_end: int
    start: int
    end: int
    sign: int
    form: int
    mark: int


def assignment(text: bytes, read: Assigned) -> Iterator[Finding]:
    """A value under a secret's name, as `lexer` read it."""
    start, end = read.start, read.end
    if read.form == lexer.BARE and (form := _FORM_END.search(text, start, end)):
        end = form.start()
    if text[read.name_start : read.name_end] in _OUTCOMES and read.sign == lexer.COLON:
        return
    value = text[start:end].rstrip(b"\\")
    end = start + len(value)
    if text.startswith(b"base64:", start) or text.startswith(b"{noop}", start):
        start = text.index(b":" if value.startswith(b"b") else b"}", start) + 1
        value = text[start:end]
    if text[start - len(_BASIC) : start].lower() == _BASIC and not base64_pair(value):
        return
    name = text[read.name_start : read.name_end]
    is_named_in_quotes = text[read.name_end : read.name_end + 1] in _QUOTES
    written = _Written(read, is_named_in_quotes, _is_configured(text, read, start, end))
    score = _score(name, value, written)
    if score <= WORD_SCORE and read.sign in _GIVEN and read.mark == 0:
        is_password = name_class(name.rsplit(b".", 1)[-1]) == PASSWORD
        plain = value.decode("utf-8", "replace")
        if is_password and written.is_literal and strength.is_plain_word(plain):
            score = max(score, _in_company(text, read))
    if not score:
        return
    if allow.first_that_holds(allow.SECRET, text, start, end):
        score = ALLOWED_SCORE
    yield Finding(start, end, "secret_keyword", "assignment", score)


class _Written(NamedTuple):
    """How an assignment is written: as `lexer` read it, and whether a bare value is one of configuration."""

    read: Assigned
    is_named_in_quotes: bool
    is_configured: bool

    @property
    def is_literal(self) -> bool:
        """Whether the value stands for itself, and is no name of something."""
        return self.read.form != lexer.BARE or self.is_configured


_LINE_BEGUN = re.compile(
    rb"(?:^|[\r\n])[ \t]*(?:(?:export|set|ENV|ARG|setx|%env|-) |[#;]+ ?|-D)?[\w.-]*$"
)
_LINE_END = re.compile(rb"[ \t]*(?:[\r\n]|$)")
_REFERENCE = re.compile(rb"[&*][A-Za-z_]\w*;?|[A-Za-z_]\w*(?:(?:\.|->|::)\w+)+;?")
_NUMBERED = re.compile(rb"\d\d|[^\w.-]")


_PAIR_BEFORE = re.compile(rb"[\w.-]{1,40}=[^\s,;&|\"'=]{1,80}[ ,;&|]$")
_PAIR_AFTER = re.compile(rb"[ ,;&|][\w.-]{1,40}=[^\s=]")
_PAIR_STARTS = frozenset({b" ", b"\n", b'"', b"'", b"?"})
_PAIR_ENDS = frozenset({b"", b" ", b",", b";", b"&", b"|", b"\n", b"\r", b'"', b"'"})
_ENVIRONMENT = re.compile(rb"(?:^|[\r\n])[ \t]*[A-Z][A-Z0-9_]*$")
_COMMAND_AFTER = re.compile(rb" [a-z./][\w./-]*(?:[ \r\n]|$)")
PAIRS_BYTES = 128
"""Bytes before a name in which the pair before it ends."""


def _is_among_pairs(text: bytes, read: Assigned, end: int) -> bool:
    """Whether a tight `name=value` stands among others, fills a string, or comes before a command."""
    if text[read.name_end : read.name_end + 1] != b"=":
        return False
    before = text[max(0, read.name_start - PAIRS_BYTES) : read.name_start]
    if before[-1:] in _QUOTES and before[-1:] == text[end : end + 1]:
        return True
    if _PAIR_BEFORE.search(before):
        return text[end : end + 1] in _PAIR_ENDS
    if _PAIR_AFTER.match(text, end) and (not before or before[-1:] in _PAIR_STARTS):
        return True
    named = before + text[read.name_start : read.name_end]
    return bool(_ENVIRONMENT.search(named) and _COMMAND_AFTER.match(text, end))


def _is_configured(text: bytes, read: Assigned, start: int, end: int) -> bool:
    """Whether a bare value stands as in configuration: alone on a line, or between `;` in a connection string.

    In code a bare word is a name. So beside ` = ` a value must have digits or signs that names have not.
    """
    if read.form != lexer.BARE or read.sign not in {lexer.EQUALS, lexer.COLON}:
        return False
    tight = text[read.name_end : read.name_end + 1] in {b"=", b":"}
    before = text[max(0, read.name_end - 2 * lexer.NAME_MAX) : read.name_end]
    if (
        tight
        and start == read.name_end + 1
        and before[: len(before) - read.name_end + read.name_start][-1:] == b";"
    ):
        return True
    if tight and start == read.name_end + 1 and _is_among_pairs(text, read, end):
        return True
    if not _LINE_BEGUN.search(before) or not _LINE_END.match(text, end):
        return False
    is_spaced = read.sign == lexer.EQUALS and start != read.name_end + 1
    is_reference = _REFERENCE.fullmatch(text, start, end) is not None
    return bool(_NUMBERED.search(text, start, end)) and not is_reference if is_spaced else tight


_GIVEN = frozenset({lexer.EQUALS, lexer.COLON, lexer.ARROW, lexer.TAG, lexer.TYPED})
COMPANY_BYTES = 200
"""Bytes on either side in which a user, a host or a database is named: a section of configuration."""

_COMPANY = re.compile(
    rb"(?i)(?:user(?:_?name)?|login|uid|account|e-?mail|host(?:name)?|server|data(?:base|source)|"
    rb"db(?:_?name)?|port)"
    rb"['\"\])]{0,2}\s{0,8}(?:[:=>(]|=>)\s{0,8}['\"]?[\w.@/-]"
)


def _in_company(text: bytes, read: Assigned) -> float:
    """The score of a plain word under a password's name: more where a user or a host stands beside it."""
    low = max(0, read.name_start - COMPANY_BYTES)
    around = text[low : read.name_start] + b"\n" + text[read.end : read.end + COMPANY_BYTES]
    return CHOSEN_SCORE if _COMPANY.search(around) else WORD_SCORE


def _score(name: bytes, value: bytes, written: _Written) -> float:
    """What name, sign and value say together; 0 where they say nothing."""
    read, text = written.read, value.decode("utf-8", "replace")
    last = name.rsplit(b".", 1)[-1]
    is_call = read.sign == lexer.CALL
    if read.mark == lexer.PAIRED:
        is_given = read.sign in {lexer.CALL, lexer.EQUALS} or strength.is_random(text)
        # Ruby's req.basic_auth 'user', 'password'
        is_given = is_given or (read.sign == lexer.BLANK and b"_" in last)
        if not is_given or not _LOGIN_NAME.search(last) or _is_argument_name(text):
            return 0.0
        return worth(PASSWORD, text, is_quoted=True, is_said=True)
    kind = name_class(last if is_call else name)
    if kind == LOGIN or (read.sign == lexer.BLANK and (kind == GENERIC or name.lower() in _VERBS)):
        return 0.0
    if kind == PASSWORD and not strength.is_random(text):
        if read.mark == lexer.WRAPPED:
            return 0.0
        if read.sign == lexer.COMMA and not _WHOLE_PASSWORD.search(name):
            return 0.0
        if read.form == lexer.BARE and written.is_named_in_quotes:
            return 0.0  # beside a quoted name, a bare word is an expression
    is_said = read.sign not in {lexer.CALL, lexer.COMPARE} or (is_call and bool(_VERB.search(last)))
    is_quoted = read.form != lexer.BARE and read.mark != lexer.LISTED
    if kind in {PASSWORD, PROVIDER, SECRET} or (
        kind == GENERIC and text.lower() != text and read.mark != lexer.LISTED
    ):
        is_quoted = written.is_literal
    return worth(kind, text, is_quoted=is_quoted, is_said=is_said)


def _is_argument_name(value: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z_]+", value)) and name_class(value.encode()) in {
        PASSWORD,
        KEY,
        SECRET,
    }


def worth(kind: str, value: str, *, is_quoted: bool, is_said: bool) -> float:
    """What the class of a name and a value say together; 0 where they say nothing."""
    is_drawn = strength.is_random(value)
    if kind == OTHER:
        return OTHER_SCORE if is_drawn else 0.0
    if kind == PASSWORD:
        if is_drawn:
            return RANDOM_SCORE
        if not is_quoted and _CODE.search(value):
            return 0.0
        if strength.is_password(value):
            return CHOSEN_SCORE if is_said else WORD_SCORE
        return OTHER_SCORE if is_quoted else 0.0
    if kind == KEY and is_quoted and is_said and not is_drawn and strength.is_strong(value):
        return CHOSEN_SCORE
    if kind == SECRET and is_quoted and is_said and not is_drawn:
        is_chosen = strength.is_strong(value) or (
            bool(_CHOSEN.fullmatch(value)) and not strength.is_named(value)
        )
        return CHOSEN_SCORE if is_chosen else 0.0
    if not is_drawn or kind == LOGIN:
        return 0.0
    if kind in {KEY, SECRET}:
        return RANDOM_SCORE if len(value) >= SHORT_VALUE else CHOSEN_SCORE
    if kind == PROVIDER:
        is_long = len(value) >= GENERIC_VALUE_MIN
        return CHOSEN_SCORE if is_quoted and is_said and is_long else WORD_SCORE
    is_generic_key = is_quoted and is_said and not strength.is_hex(value)
    if is_generic_key and len(value) >= GENERIC_VALUE_MIN:
        return CHOSEN_SCORE
    return WORD_SCORE if is_generic_key else OTHER_SCORE


OPTION_ANCHOR = (
    rb"--[a-z-]{0,20}(?:pass|token|secret|key)[a-z-]{0,20} ['\"]?[^\s'\"$<>\[{(-][^\s'\"]{5}"
)
USER_ANCHOR = rb" (?:-u|--user)[ =]['\"]?[A-Za-z0-9_.@-]{1,64}:[^\s'\"]{4}"
_OPTION = re.compile(
    rb"(?i)[\s'\"]--?(?P<name>[a-z-]{0,20}(?:pass|token|secret|key)[a-z-]{0,20}) "
    rb"['\"]?(?P<value>[^\s'\"]{6,256})"
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
            kind = name_class(match["name"].strip(b"-"))
            is_literal = any(map(str.isdigit, value))  # a word there names what to give
            score = worth(kind, value, is_quoted=is_literal, is_said=True)
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
    rb"(?i:p|test|foo|bar|baz|xxx+|y+|postgres|mysql|mongo|redis|rabbitmq|tiger|[a-z])|\d{1,5}|"
    rb"[A-Z]+(?:_[A-Z]+)*|"
    rb"(?:[a-z]{2,12}_?)?(?i:key|secret|token|pass_?(?:word|phrase)?|pwd|credentials?|ke[ty])"
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
            score = OTHER_SCORE
        if allow.EXAMPLE_DOMAIN.search(match["host"]):
            score = min(score, CHOSEN_SCORE if strength.is_random(value) else WORD_SCORE)
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
