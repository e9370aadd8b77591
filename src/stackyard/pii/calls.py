"""Secrets that no sign joins to their name: typed into fields, keys of functions, fallbacks, rows of SQL, prose.

In: a text and where a candidate ends. Out: findings. Always holds: a check reads a bounded window.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackyard.pii import allow, assignments, strength
from stackyard.pii.findings import ALLOWED_SCORE, Finding

BEFORE, AFTER = 200, 400
"""Bytes before and after a candidate's end: a statement or two, the arguments of a call."""

_LITERAL = re.compile(rb"['\"`](?P<value>[^'\"`\\\s]{4,256})['\"`]")
_NAME = (
    rb"[\w.-]{0,40}(?i:pass(?:word|wd|phrase|wort)?|pwd|secret|token|api[._-]?key|"
    rb"access[._-]?key)[\w.-]{0,24}"
)


def _worth(
    text: bytes, span: tuple[int, int], kind: str, rule: str, *, is_said: bool = True
) -> Iterator[Finding]:
    value = text[slice(*span)].decode("utf-8", "replace")
    score = assignments.worth(kind, value, is_quoted=True, is_said=is_said)
    if score:
        is_allowed = allow.first_that_holds(allow.SECRET, text, *span)
        yield Finding(*span, "secret_keyword", rule, ALLOWED_SCORE if is_allowed else score)


def _drawn(text: bytes, span: tuple[int, int], rule: str) -> Iterator[Finding]:
    """A drawn value of a key's length; nothing else is one without a name."""
    value = text[slice(*span)].decode("utf-8", "replace")
    is_key = len(value) >= assignments.SHORT_VALUE and ":" not in value
    if is_key and strength.is_random(value):
        is_allowed = allow.first_that_holds(allow.SECRET, text, *span)
        yield Finding(
            *span, "secret_keyword", rule, ALLOWED_SCORE if is_allowed else assignments.CHOSEN_SCORE
        )


TYPED_ANCHORS = (
    (
        rb"\.(?:send_?keys|set_?value|set_?text|type|type_?text|fill|fill_?field|val|value|set|"
        rb"enter_?text)[ (]{1,2}['\"]"
    ),
    rb"with: ?['\"]",
)
_FIELD = re.compile(rb"['\"#.\[=:@(/](?P<name>" + _NAME + rb")['\"\])]")
_TYPED = re.compile(
    rb"(?P<first>[^'\"\n]{1,160})['\"](?:,[ ]?(?:value[=:] ?)?['\"](?P<second>[^'\"\n]{4,128})['\"])?"
)


def typed(text: bytes, end: int) -> Iterator[Finding]:
    """What a test types into the field of a password: `find("passwd").send_keys("...")`, `fill("#password", "...")`."""
    match = _TYPED.match(text, end, end + AFTER)
    if match is None:
        return
    line = text[max(0, end - BEFORE) : end].rsplit(b"\n", 1)[-1]
    group = "second" if match["second"] else "first"
    named = b"." + match["first"] + b")" if match["second"] else line
    fields = [each["name"] for each in _FIELD.finditer(named)]
    if fields and b" " not in match[group]:
        yield from _worth(text, match.span(group), assignments.name_class(fields[-1]), "typed")


ROBOT_ANCHORS = (
    rb"input (?:text|password)[ \t]{2}",
    rb"\$\{[a-z_ ]{0,30}(?:pass|pwd|secret|token|key)[a-z_ ]{0,20}\}[ =]{0,2}[ \t]{2}",
)
_ROBOT = re.compile(
    rb"(?i)(?:input (?:text|password)[ \t]{2,8}(?P<field>\S{1,80})|\$\{(?P<name>[a-z_ ]{1,60})\}[ =]{0,2})"
    rb"[ \t]{2,40}(?P<value>[^\s${}]{4,128})[ \t]*(?=[\r\n]|$)"
)


def robot(text: bytes, end: int) -> Iterator[Finding]:
    """What Robot Framework types, and its variables: columns with two blanks or more between them."""
    start = text.rfind(b"\n", max(0, end - BEFORE), end) + 1
    if match := _ROBOT.search(text, start, end + BEFORE):
        name = (match["name"] or match["field"]).replace(b" ", b"_").rsplit(b"=", 1)[-1]
        kind = assignments.name_class(name.rsplit(b":", 1)[-1])
        if match["name"] or kind == assignments.PASSWORD:
            yield from _worth(text, match.span("value"), kind, "typed")


SENT_ANCHOR = rb"(?:send(?:line|_line|Line)?|write)(?: --)?[ (]b?['\"{]"
_ASKED = re.compile(rb"(?i)assword|assphrase|\bPIN\b")
_SENT = re.compile(rb"(?P<value>[^\s'\"\\{}$]{4,64})(?:\\[rn]|['\"}])")
SENT_BYTES = 120


def sent(text: bytes, end: int) -> Iterator[Finding]:
    r"""What a script sends after it was asked for a password: `expect "assword:"`, then `send "...\r"`."""
    before = b"\n".join(text[max(0, end - SENT_BYTES) : end].split(b"\n")[-3:])
    if (match := _SENT.match(text, end, end + SENT_BYTES)) and _ASKED.search(before):
        yield from _worth(text, match.span("value"), assignments.PASSWORD, "typed")


KEYED_ANCHOR = (
    rb"(?:(?:jwt|JWT|Jwts?|jsonwebtoken|jose)\.(?:encode|decode|sign|verify|Sign)|createHmac|"
    rb"create(?:De|C)?[Cc]ipher(?:iv)?|"
    rb"[Hh](?:mac|MAC)(?:\.(?:new|New|hexdigest|digest|create|importKey))?|hash_hmac|openssl_(?:en|"
    rb"de)crypt|Fernet|SecretKeySpec|"
    rb"from_secret|SigningKey|SymmetricSecurityKey|OAuth\w{0,16}|[Tt]wilio(?:\.\w{1,16})?|"
    rb"cookie(?:Parser|Session)|AES\.(?:new|encrypt|decrypt)|"
    rb"HMACSHA\d{1,3}|setSigningKey|signWith|session|Key::from|NewCookieStore|\w{0,24}Serializer|"
    rb"algoliasearch|Client|setApiKey|setAccessToken|set_access_token|configure|initialize|init)\(|"
    rb"\n[ ]{0,8}provider :\w{1,24}, "
)
_NO_KEY = re.compile(rb"[ ]?:[^:]|[ ]?=>")


def keyed(text: bytes, end: int) -> Iterator[Finding]:
    """A drawn string that a function takes which signs, encrypts or opens a client with a key."""
    stop = _call_end(text, end)
    for match in _LITERAL.finditer(text, end, stop):
        if not _NO_KEY.match(text, match.end()):
            yield from _drawn(text, match.span("value"), "keyed-call")


def _call_end(text: bytes, start: int) -> int:
    """Where a call's arguments end: its bracket, or a bound."""
    if text[start - 1 : start] != b"(":
        stop = text.find(b"\n", start, start + AFTER)
        return stop if stop >= 0 else min(len(text), start + AFTER)
    depth = 1
    for at in range(start, min(len(text), start + AFTER)):
        depth += {0x28: 1, 0x29: -1}.get(text[at], 0)
        if depth == 0:
            return at
    return min(len(text), start + AFTER)


ENTERED_ANCHOR = (
    rb"(?:WiFi\.begin|\.basic_?auth|\.basicAuth|[sS]et_?[cC]redentials|[kK]ey_?[sS]tore\.load|"
    rb"bindCredentials|\.authenticate|[.:]auth|"
    rb"imap_open|mysql_real_connect|Sequelize|FTP)\(|= ?database\(|"
    rb"\.put\([A-Za-z._]{0,40}(?:PASSWORD|CREDENTIALS|SECRET)[A-Z_]{0,20}, "
)
_ANY_LITERAL = re.compile(rb"['\"](?P<value>[^'\"\\\n]{0,256})['\"]")
_THIRD = (b"imap_open(", b"mysql_real_connect(", b"Sequelize(", b"FTP(", b"database(")
_ALONE = (b"auth(", b", ")
"""Calls whose third string is the password, after a host or a database and a user; and whose only one is."""
_CHARS = re.compile(rb"\"(?P<value>[^\"\\\s]{4,24})\"\.toCharArray\(\)")
CHARS_ANCHOR = rb"\"\.toCharArray\(\)"


def entered(text: bytes, end: int) -> Iterator[Finding]:
    """The last string of a call that takes a user and a password, and a string that becomes a `char[]`, as
    Java's interfaces ask for passwords.
    """
    if text.endswith(b'".toCharArray()', max(0, end - 15), end):
        for match in _CHARS.finditer(text, max(0, end - 48), end):
            if match.end() == end:
                yield from _worth(text, match.span("value"), assignments.PASSWORD, "keyed-call")
        return
    literals = list(_ANY_LITERAL.finditer(text, end, _call_end(text, end)))
    place = 2 if text.endswith(_THIRD, 0, end) else len(literals) - 1
    if place < len(literals) and (place > 0 or (literals and text.endswith(_ALONE, 0, end))):
        yield from _worth(text, literals[place].span("value"), assignments.PASSWORD, "keyed-call")


PAIRED_ANCHORS = (
    (
        rb"(?:btoa|base64_encode|b64encode|Buffer\.from|encodeBase64\w{0,8}|encode64|"
        rb"strict_encode64)\(b?['\"][\w.@-]{1,64}:[!-~]"
    ),
    rb"(?:login|user-pass|user_?pass)[= ]['\"]?[\w.@-]{1,64}:[!-~]",
)
_PAIR = re.compile(
    rb"(?:\(b?['\"]|[= ]['\"]?)[\w.@-]{1,64}:(?P<value>[^\s'\"@{}$<>,;]{4,64})(?:['\"]|\s|$)"
)


def paired(text: bytes, end: int) -> Iterator[Finding]:
    """The password of `user:password` where it is encoded, or given as a login."""
    for match in _PAIR.finditer(text, max(0, end - 80), min(len(text), end + 80)):
        if match.start() < end <= match.end():
            yield from _worth(text, match.span("value"), assignments.PASSWORD, "pair")


ELEMENT_ANCHOR = rb"<[\w:.-]{0,40}(?:pass|pwd|secret|token)[\w.-]{0,20} [^<>\n]{1,120}>[^<\s]"
_ELEMENT = re.compile(rb"<(?P<name>[\w:.-]{1,80}) [^<>\n]{1,120}>(?P<value>[^<\s]{4,256})</")


def element(text: bytes, end: int) -> Iterator[Finding]:
    """The text of an element that has attributes: `<wsse:Password Type="...">...<`."""
    for match in _ELEMENT.finditer(text, max(0, end - BEFORE), min(len(text), end + AFTER)):
        if match.start() < end <= match.end():
            kind = assignments.name_class(match["name"].rsplit(b":", 1)[-1])
            yield from _worth(text, match.span("value"), kind, "element")


DECLARED_ANCHOR = (
    rb"\n[ ]{2,16}[A-Za-z]{0,30}(?:Password|Secret|Token)[A-Za-z]{0,12}:\r?\n[ "
    rb"]{2,20}(?:Type|Default|Description|NoEcho):"
)
_DECLARED = re.compile(
    rb"(?P<name>[A-Za-z]{1,60}):\r?\n(?:[ ]{2,20}(?:Type|Description|NoEcho|MinLength|MaxLength|"
    rb"AllowedPattern): [^\n]{0,120}\n){0,6}"
    rb"[ ]{2,20}Default: ['\"]?(?P<value>[^\s'\"]{4,128})"
)


def declared(text: bytes, end: int) -> Iterator[Finding]:
    """The default of a declared parameter that is named like a secret, as in CloudFormation."""
    if match := _DECLARED.search(text, max(0, end - 120), min(len(text), end + 3 * AFTER)):
        kind = assignments.name_class(match["name"])
        yield from _worth(text, match.span("value"), kind, "declared")


GIVEN_ANCHOR = rb"pass(?:word|wd)?['\"]?[ ]?\)?[ ]?=[ ]?\(?['\"][^'\"\n]{1,64}['\"],[ ]?['\"]"
_GIVEN = re.compile(
    rb"(?i),[ ]?\$?\w{0,24}pass(?:word|wd)?[ ]?\)?[ ]?=[ ]?\(?['\"][^'\"\n]{1,64}['\"],[ "
    rb"]?['\"](?P<value>[^\s'\"]{4,64})['\"]"
)


def given(text: bytes, end: int) -> Iterator[Finding]:
    """The password of an assignment of two: `(user, password) = ("...", "...")`."""
    for match in _GIVEN.finditer(text, max(0, end - 160), min(len(text), end + 80)):
        if match.start() < end <= match.end():
            yield from _worth(text, match.span("value"), assignments.PASSWORD, "given")


FALLBACK_ANCHORS = (
    rb"(?:(?:\|\||\?\?|\?:| or) ?|\)\.(?:unwrap_or|orElse|getOrElse)\()['\"]",
    rb"\$\{[A-Za-z_.]{0,40}(?:pass|pwd|secret|token|key)[A-Za-z_.]{0,24}:[-=]?[A-Za-z0-9]",
)
_FALLEN = re.compile(
    rb"(?P<name>\w{0,40}(?i:pass|pwd|secret|token|key|salt)\w{0,24})['\"\])]{0,3} ?(?:(?:\|\||\?\?|"
    rb"\?:|or) ?|\.(?:unwrap_or|orElse|getOrElse)\()['\"]$"
)
_TO_QUOTE = re.compile(rb"(?P<value>[^'\"\\\s]{4,256})['\"]")
_EXPANDED = re.compile(rb"\$\{(?P<name>[A-Za-z_.]{1,80}):[-=]?(?P<value>[^\s{}$'\"]{4,256})\}")


def fallback(text: bytes, end: int) -> Iterator[Finding]:
    """What stands in where a variable is not set: `process.env.JWT_SECRET || '...'`, `${PASSWORD:-...}`."""
    low = max(0, end - BEFORE)
    if text[end - 1 : end] in {b"'", b'"'}:
        named, match = _FALLEN.search(text, low, end), _TO_QUOTE.match(text, end, end + AFTER)
        if named and match:
            kind = assignments.name_class(named["name"])
            yield from _worth(text, match.span("value"), kind, "fallback")
        return
    for match in _EXPANDED.finditer(text, max(0, end - 100), min(len(text), end + AFTER)):
        if match.start() < end <= match.end():
            kind = assignments.name_class(match["name"])
            yield from _worth(text, match.span("value"), kind, "fallback")


INSERT_ANCHOR = (
    rb"insert (?:ignore )?into [^\n(;]{1,80}\([^\n()]{0,200}(?:pass|pwd|secret|token|key)"
)
_INSERTED = re.compile(
    rb"(?i)insert (?:ignore )?into "
    rb"[^\n(;]{1,80}\((?P<columns>[^()]{1,600})\)\s{0,8}values\s{0,8}(?P<rows>\([^;]{1,1600})"
)
_ROW = re.compile(rb"\((?P<row>(?:[^()'\"]|'[^'\n]*'|\"[^\"\n]*\"|\w*\([^()]*\)){1,600})\)")
_VALUE = re.compile(
    rb"\s*(?:N?'(?P<value>[^'\n]*)'|\"(?P<double>[^\"\n]*)\"|(?:[^,('\"]|\([^()]*\)|'[^']*')*)\s*(?:,|$)"
)
ROWS_MAX = 8


def inserted(text: bytes, end: int) -> Iterator[Finding]:
    """Values of the columns of a SQL INSERT that are named like secrets, in its first rows."""
    match = _INSERTED.search(text, max(0, end - AFTER), min(len(text), end + 2000))
    if match is None or match.start() >= end:
        return
    names = [name.strip(b" \t\r\n`\"[]'") for name in match["columns"].split(b",")]
    for count, row in enumerate(_ROW.finditer(text, *match.span("rows"))):
        if count == ROWS_MAX:
            return
        at, stop = row.span("row")
        for name in names:
            value = _VALUE.match(text, at, stop)
            if value is None:
                break
            at = value.end()
            group = "value" if value["value"] is not None else "double"
            kind = assignments.name_class(name)
            if value[group] and kind in {assignments.PASSWORD, assignments.KEY, assignments.SECRET}:
                yield from _worth(text, value.span(group), kind, "inserted")


SAID_ANCHOR = (
    rb"(?:pass(?:word|phrase|wd|code)?|pwd|pw|passwort|kennwort)[`'\"*)]{0,3} ?(?:is:?|"
    rb"was:?|:|->|=>)[`'\"* ]{1,4}[!-~]"
)
_SAID = re.compile(
    rb"(?i)(?:pass(?:word|phrase|wd|code)?|pwd|pw|passwort|kennwort)[`'\"*)]{0,3} ?(?P<verb>is:?|"
    rb"was:?|:|->|=>)[`'\"* ]{1,4}"
    rb"(?P<value>[^\s`'\"<>(){}\[\],;]{6,64})"
)
_REMARK = re.compile(rb"(?:^|\s)(?:#|//|\*|--|;|REM|<!--)[^\n]*$|\|[^\n|]*$|^[ \t]*[-*>] ")


def said(text: bytes, end: int) -> Iterator[Finding]:
    """A chosen password in prose or a remark: `the password is ...`, `# ssh root@build pw: ...`."""
    start = text.rfind(b"\n", max(0, end - BEFORE), end) + 1
    for match in _SAID.finditer(text, start, min(len(text), end + AFTER)):
        if not match.start() < end <= match.end():
            continue
        is_prose = match["verb"][:1] in b"iwIW" or bool(_REMARK.search(text[start : match.start()]))
        value = match["value"].rstrip(b".:!?*_")
        span = match.start("value"), match.start("value") + len(value)
        plain = value.decode("utf-8", "replace")
        is_prose = is_prose and not value.startswith(b"Test") and b"=" not in value
        if is_prose and any(map(str.isdigit, plain)) and not strength.is_named(plain):
            yield from _worth(text, span, assignments.PASSWORD, "said")


CHECKS = (
    *((anchor, True, typed) for anchor in TYPED_ANCHORS),
    *((anchor, True, robot) for anchor in ROBOT_ANCHORS),
    (SENT_ANCHOR, False, sent),
    (KEYED_ANCHOR, False, keyed),
    (ENTERED_ANCHOR, False, entered),
    *((anchor, False, paired) for anchor in PAIRED_ANCHORS),
    (ELEMENT_ANCHOR, True, element),
    (DECLARED_ANCHOR, False, declared),
    (GIVEN_ANCHOR, True, given),
    (CHARS_ANCHOR, False, entered),
    *((anchor, True, fallback) for anchor in FALLBACK_ANCHORS),
    (INSERT_ANCHOR, True, inserted),
    (SAID_ANCHOR, True, said),
)
"""Anchor, whether letters may be of either case, and check."""
