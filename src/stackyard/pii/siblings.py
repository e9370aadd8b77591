"""Secrets whose name stands apart from their value: pairs of key and value, parts of keys, command lines.

In: a text and where a candidate ends. Out: findings. Always holds: a check reads a bounded window.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackyard.pii import allow, assignments, strength
from stackyard.pii.findings import ALLOWED_SCORE, Finding

_WORD = rb"(?:pass|pwd|secret|token|key|cred|auth|salt)"
_LABEL = rb"(?:key|k|name|id|field|label|param(?:eter)?(?:key|name)?|variable|property)"
PAIR_ANCHORS = (
    rb""
    + _LABEL
    + rb"\\{0,3}['\"]?[ ]{0,4}(?:=>|[:=])[ ]{0,4}\\{0,3}['\"]?[A-Za-z0-9_.-]{0,40}"
    + _WORD,
    rb"<(?:key|name|string)>[A-Za-z0-9_.-]{0,40}" + _WORD,
    rb"(?:name|key)=['\"][A-Za-z0-9_.-]{0,40}" + _WORD,
    rb"(?:name|key)['\"]?[ ]?[:=][ ]?['\"](?:[a-z.]{0,12}sess(?:ion)?_?id|session|sid|connect\.sid|auth)",
    rb"variable ['\"][A-Za-z0-9_.-]{0,40}" + _WORD,
    rb"(?:buildConfigField|resValue)[ (]{1,2}['\"]\w{1,24}['\"], ?['\"][A-Za-z0-9_.-]{0,40}"
    + _WORD,
)
PAIR_BYTES = 320
"""Bytes on either side of a name in which its value is looked for: a small object, a few tags."""

_NAME = re.compile(rb"[A-Za-z0-9_.-]{1,80}$")
_REST = re.compile(rb"[A-Za-z0-9_.-]{0,60}")
_VALUE_LABEL = rb"(?:param(?:eter)?)?(?:value|val|v|content|default(?:value)?|secret|data)"
_VALUE_AFTER = re.compile(
    rb"(?i)^\\{0,3}['\"]?(?:[\s,;]{1,40}(?:['\"\\]{0,4}[\w-]{1,24}['\"\\]{0,4}[ ]?(?:=>|[:=])[ "
    rb"]?['\"\\]{0,4}[\w /.-]{0,40}['\"\\]{0,4}[\s,]{1,40}){0,3}"
    rb"(?:\w{1,12}:)?['\"\\]{0,4}"
    + _VALUE_LABEL
    + rb"['\"\\]{0,4}[ ]{0,4}(?:=>|[:=])[ ]{0,4}(?:\\{0,3}['\"](?P<quoted>[^'\"\\\r\n]{4,256})|"
    rb"(?P<bare>[^\s'\",;<>(){}\[\]\\]{6,256}))"
    rb"|</(?:key|name|string)>\s{0,40}(?:<(?:string|value|data)>\s{0,40}){1,2}(?P<tag>[^<\r\n]{4,512})<|"
    rb"['\"][ ]?\{[^{}]{0,200}?\bdefault[ ]{0,8}=[ ]?['\"](?P<declared>[^'\"\\\r\n]{4,256})['\"]|"
    rb"['\"], ?['\"]\\?['\"]?(?P<field>[^'\"\\\r\n]{4,256})\\?['\"])"
)
_VALUE_BEFORE = re.compile(
    rb"(?i)['\"\\]{0,4}" + _VALUE_LABEL + rb"['\"\\]{0,4}[ ]{0,4}(?:=>|[:=])[ "
    rb"]{0,4}\\{0,3}['\"](?P<quoted>[^'\"\\\r\n]{4,256})\\{0,3}['\"][\s,]{1,40}"
    rb"(?:['\"\\]{0,4}[\w-]{1,24}['\"\\]{0,4}[ ]?(?:=>|[:=])[ ]?['\"\\]{0,4}[\w "
    rb"/.-]{0,40}['\"\\]{0,4}[\s,]{1,40}){0,3}"
    rb"['\"\\]{0,4}" + _LABEL + rb"['\"\\]{0,4}[ ]{0,4}(?:=>|[:=])[ ]{0,4}['\"\\]{0,4}$"
)


_SESSION = re.compile(rb"(?i)[a-z._]{0,12}sess(?:ion)?_?id|session|sid|connect\.sid|auth")


def pair(text: bytes, end: int) -> Iterator[Finding]:
    """The value beside a key that is a secret's name: `{"key": "password", "value": ...}`, in any order."""
    low, high = max(0, end - PAIR_BYTES), min(len(text), end + PAIR_BYTES)
    begun = _NAME.search(text[low:end])
    rest = _REST.match(text, end, high)
    if begun is None or rest is None:
        return
    start, stop = low + begun.start(), rest.end()
    spans = []
    if after := _VALUE_AFTER.match(text[stop : min(len(text), stop + PAIR_BYTES)]):
        group = after.lastgroup or "quoted"
        spans.append((stop + after.start(group), stop + after.end(group)))
    if before := _VALUE_BEFORE.search(text[low:start]):
        spans.append((low + before.start("quoted"), low + before.end("quoted")))
    for first, last in spans:
        value = text[first:last].decode("utf-8", "replace")
        name = text[start:stop]
        score = assignments.worth(assignments.name_class(name), value, is_quoted=True, is_said=True)
        if _SESSION.fullmatch(name):
            is_drawn = len(value) >= COOKIE_VALUE_MIN and strength.is_random(value)
            score = COOKIE_SCORE if is_drawn else 0.0
        yield from _found(text, (first, last), "secret_keyword", "pair", score)


def _found(
    text: bytes, span: tuple[int, int], entity: str, rule: str, score: float
) -> Iterator[Finding]:
    if score:
        is_allowed = allow.first_that_holds(allow.SECRET, text, *span)
        yield Finding(*span, entity, rule, ALLOWED_SCORE if is_allowed else score)


JWK_ANCHOR = rb"kty['\"\\]{0,4}[ ]{0,4}[:=]"
XML_KEY_ANCHOR = rb"<RSAKeyValue>"
JWK_BYTES = 6000
"""Bytes of a key of 4,096 bits in base64url with all of its numbers."""

_PRIVATE = re.compile(
    rb"(?:[{,\s'\"\\])(?:d|p|q|dp|dq|qi|k)['\"\\]{0,4}[ ]{0,4}:[ "
    rb"]{0,4}['\"\\]{0,4}(?P<value>[A-Za-z0-9_-]{16,1400})(?![A-Za-z0-9_-])"
)
_PRIVATE_TAG = re.compile(
    rb"<(?P<tag>D|P|Q|DP|DQ|InverseQ)>\s{0,8}(?P<value>[A-Za-z0-9+/=\s]{16,1400})</(?P=tag)>"
)
KEY_SCORE = 0.9


def jwk(text: bytes, end: int) -> Iterator[Finding]:
    """The private numbers of a JSON Web Key (RFC 7518, 6.2.2, 6.3.2, 6.4.1), in its own object."""
    low, high = max(0, end - JWK_BYTES), min(len(text), end + JWK_BYTES)
    opened, closed = text.rfind(b"{", low, end), text.find(b"}", end, high)
    low, high = (opened if opened >= 0 else low), (closed if closed >= 0 else high)
    for match in _PRIVATE.finditer(text, low, high):
        if strength.is_plausible(match["value"].decode("ascii")):
            yield Finding(*match.span("value"), "private_key", "jwk", KEY_SCORE)


def xml_key(text: bytes, end: int) -> Iterator[Finding]:
    """The private numbers of an RSAKeyValue with more than XML Signature's two."""
    closed = text.find(b"</RSAKeyValue>", end, end + JWK_BYTES)
    for match in _PRIVATE_TAG.finditer(text, end, closed if closed >= 0 else end + JWK_BYTES):
        yield Finding(*match.span("value"), "private_key", "rsa-key-value", KEY_SCORE)


COMMAND_ANCHOR = (
    rb"(?:sshpass|mysql[a-z]{0,6}|mariadb[a-z-]{0,6}|mongo(?:sh|dump|restore|import)?|redis-cli|"
    rb"docker|podman|buildah|helm|"
    rb"ldap[a-z]{3,7}|keytool|jarsigner|htpasswd|smbclient|net use|net user|sqlcmd|(?i:identified "
    rb"by)|7z|zip|rar|gpg|az|oc|"
    rb"http|skopeo|twine|mosquitto_[ps]ub|rabbitmqctl|wpa_passphrase|openssl enc|vault login|"
    rb"sp_addlogin|sp_password|sqlplus|expdp|impdp)[ ]|"
    rb"-pass(?:in|out)?[ =]['\"]?pass:|CURLOPT_(?:PROXY)?USERPWD,|(?i:connect)(?: |"
    rb"\(['\"])[A-Za-z0-9_]{1,32}/|"
    rb"(?:ENV|set -g?x|setenv|proxy_set_header|insecure-password|openssl passwd -\w{1,6}|"
    rb"-setcookie|enable (?:secret|password)|snmp-server community|secret [057]|password [057]) "
    rb"[A-Z0-9a-z]|\n\[[\w.-]{1,64}\](?::[0-9]{1,5})?[ \t]{1,8}[\w.@-]{1,64}:"
)
_Q = rb"(?:\\?['\"])?"
_V = rb"(?P<value>[^\s'\"\\|;&<>()]{4,128})"
_COMMANDS = tuple(
    (re.compile(command), re.compile(option, re.MULTILINE))
    for command, option in (
        (rb"sshpass ", rb" -p ?" + _Q + _V),
        (rb"(?:mysql|mariadb)[a-z-]* ", rb" -p" + _Q + _V),
        (
            (
                rb"(?:mongo\w*|docker|podman|buildah|helm|oc|az|twine) (?:[^\n|;]{0,80} )?(?:-u|"
                rb"--username|login)[ =]"
            ),
            rb" -p[ =]?" + _Q + _V,
        ),
        (rb"redis-cli ", rb" -a ?" + _Q + _V),
        (rb"ldap[a-z]+ ", rb" -w ?" + _Q + _V),
        (rb"(?:keytool|jarsigner) ", rb" -(?:store|key|src\w*|dest\w*)pass ?" + _Q + _V),
        (rb"htpasswd -\w*b\w* ", rb"htpasswd -\w*b\w* \S+ \S+ " + _Q + _V),
        (rb"smbclient ", rb" (?:-U|--user)[ =]?" + _Q + rb"[\w.\\-]+%" + _V),
        (rb"net use ", rb"/user:[\w.\\-]+ " + _Q + _V),
        (rb"net use ", rb"\\\\[\w.-]+\\[\w.$-]+ " + _Q + rb"(?P<value>[^\s'\"/*]{4,128})"),
        (rb"openssl enc ", rb" -k " + _Q + _V),
        (rb"vault login ", rb"vault login (?:-\S+ )?" + _Q + _V),
        (rb"sp_addlogin ", rb"sp_addlogin (?:@\w+ ?= ?)?N?'[^']{1,64}', ?(?:@\w+ ?= ?)?N?'" + _V),
        (rb"sp_password ", rb"sp_password (?:@\w+ ?= ?)?N?'(?P<value>[^']{4,64})'"),
        (rb"sp_password ", rb"sp_password [^,\n]{1,80}, ?(?:@\w+ ?= ?)?N?'(?P<value>[^']{4,64})'"),
        (
            rb"(?i)sqlplus |expdp |impdp |connect(?: |\(['\"])",
            (
                rb"(?i)(?:sqlplus(?: -\w+)*|expdp|impdp|connect)[ "
                rb"(]['\"]?\w{1,32}/(?P<value>[^\s/@'\"]{4,64})@[\w/]"
            ),
        ),
        (rb"CURLOPT_(?:PROXY)?USERPWD,", rb"USERPWD, ?['\"][^'\":\s]{1,64}:" + _V),
        (
            rb"proxy_set_header ",
            rb"(?i)proxy_set_header [\w-]*(?:key|token|secret) " + _Q + _V,
        ),
        (rb"insecure-password ", rb"insecure-password " + _V),
        (rb"openssl passwd ", rb"openssl passwd -\w+ " + _Q + _V),
        (rb"-setcookie ", rb"-setcookie " + _Q + _V),
        (
            rb"ENV |set -g?x |setenv ",
            (
                rb"(?:ENV|set -g?x|setenv) [A-Z0-9_]{0,40}(?:PASSWORD|PASSWD|PASS|SECRET|TOKEN)[ "
                rb"\t]+(?P<value>[^\s$'\"=]{4,128})[ \t]*$"
            ),
        ),
        (
            rb"enable (?:secret|password) ",
            rb"enable (?:secret|password) (?:[057] )?(?P<value>[^\s]{4,64})",
        ),
        (
            rb"(?:secret|password) [057] ",
            rb"^ *(?:username \S+ .*)?(?:secret|password) [057] (?P<value>[^\s]{4,64})",
        ),
        (rb"snmp-server community ", rb"snmp-server community (?P<value>[^\s]{4,64})"),
        (
            rb"\[[\w.-]{1,64}\](?::\d+)?[ \t]+",
            rb"^\[[\w.-]{1,64}\](?::\d+)?[ \t]+[\w.@-]{1,64}:(?P<value>[^\s:]{4,64})[ \t]*$",
        ),
        (rb"net user ", rb"net user [\w.\\-]+ " + _Q + _V),
        (rb"sqlcmd ", rb" -P ?" + _Q + _V),
        (
            rb"(?i)(?:create|alter|grant)\b[^\n;]{1,120}identified by ",
            rb"(?i)identified by " + _Q + _V,
        ),
        (rb"-pass(?:in|out)?[ =]['\"]?pass:", rb"-pass(?:in|out)?[ =]" + _Q + rb"pass:" + _V),
        (rb"mosquitto_[ps]ub ", rb" -P ?" + _Q + _V),
        (
            rb"rabbitmqctl (?:add_user|change_password) ",
            rb"(?:add_user|change_password) \S+ " + _Q + _V,
        ),
        (rb"(?:7z|zip|rar) ", rb" -(?:p|P |hp)" + _Q + _V),
        (rb"http ", rb" -a ?" + _Q + rb"[\w.@-]+:" + _V),
        (rb"gpg ", rb" --passphrase[ =]" + _Q + _V),
    )
)
"""Commands, and where on their line a password stands."""

_PIPED = tuple(
    re.compile(line)
    for line in (
        rb"['\"][\w.-]{1,32}:(?P<value>[^\s'\"\\:]{4,128})['\"][ ]?\|[^\n]{0,40}chpasswd",
        rb"['\"](?P<value>[^\s'\"]{4,128})['\"][ ]?\|[ ]?(?i:ConvertTo-SecureString)",
        (
            rb"(?:echo|printf)(?: -n| -e)? ['\"]?(?P<value>[^\s'\"|\\]{4,128})(?:\\n)?['\"]?[ ]?\|[ "
            rb"]?(?:sudo -\w*S|(?:sudo )?passwd --stdin)"
        ),
        rb":(?P<value>[^\s:/@'\"]{4,64})@(?:tcp|unix)[(]",
        (
            rb"(?:echo|printf)(?: -n)? ['\"]?(?P<value>[^\s'\"|]{4,512})['\"]?[ ]?\|[^\n|"
            rb"]{0,120}--password-stdin"
        ),
    )
)
LINE_BYTES = 400


def command(text: bytes, end: int) -> Iterator[Finding]:
    """The password on the line of a command that takes one."""
    start = max(text.rfind(b"\n", max(0, end - LINE_BYTES), end) + 1, end - 32)
    stop = text.find(b"\n", end, end + LINE_BYTES)
    stop = stop if stop >= 0 else min(len(text), end + LINE_BYTES)
    for named, option in _COMMANDS:
        if (begun := named.search(text, start, stop)) and begun.start() < end:
            for match in option.finditer(text, begun.start(), stop):
                yield from _password(text, match.span("value"))


PIPED_ANCHOR = (
    rb"[|][ ]?(?:sudo )?passwd --stdin|@(?:tcp|unix)[(]|[|][ ]?sudo -[A-Za-z]{0,4}S|[|"
    rb"][ ]?(?:sudo )?chpasswd|[|][ ]?(?i:ConvertTo-SecureString)|--password-stdin"
)


def piped(text: bytes, end: int) -> Iterator[Finding]:
    """The password of `echo user:password | chpasswd` and the like."""
    start = max(text.rfind(b"\n", 0, end) + 1, end - LINE_BYTES)
    for line in _PIPED:
        for match in line.finditer(text, start, min(len(text), end + 1)):
            yield from _password(text, match.span("value"))


def _password(text: bytes, span: tuple[int, int]) -> Iterator[Finding]:
    value = text[slice(*span)].decode("utf-8", "replace")
    score = assignments.worth("password", value, is_quoted=True, is_said=True)
    yield from _found(text, span, "secret_keyword", "command", score)


COOKIE_ANCHOR = (
    rb"cookie['\"\\]{0,4}\]?[ ]{0,4}[:,=][ \[]{0,4}(?:\r?\n[ ]{0,40}(?:- "
    rb")?)?['\"\\]{0,4}[A-Za-z0-9_.%-]{1,60}="
)
COOKIE_OPTION_ANCHOR = rb" (?:-b|--cookie)[ =]['\"]?[A-Za-z0-9_.%-]{1,60}="
_COOKIE_NAME = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.%-"
_COOKIE = re.compile(rb"[ '\"\\;:]*(?P<name>[\w.%-]{1,60})=(?P<value>[^;\s'\"\\,]{0,2000})")
COOKIES_BYTES = 2000
"""Bytes of a line of cookies: browsers keep 4,096 bytes of one, and send twenty small ones."""
COOKIE_VALUE_MIN = 16
"""Characters of a session's id: 128 bits in base64 take 22, older ones 64 bits in hex."""
COOKIE_SCORE = 0.75


def cookies(text: bytes, end: int) -> Iterator[Finding]:
    """The drawn values of a Cookie or Set-Cookie header, in any notation."""
    before = text[max(0, end - 64) : end - 1]
    at = end - 1 - (len(before) - len(before.rstrip(_COOKIE_NAME)))
    stop = min(len(text), end + COOKIES_BYTES)
    while match := _COOKIE.match(text, at, stop):
        value = match["value"].decode("utf-8", "replace")
        if len(value) >= COOKIE_VALUE_MIN and strength.is_random(value):
            span = match.span("value")
            yield from _found(text, span, "secret_keyword", "cookie", COOKIE_SCORE)
        at = match.end()


JAR_ANCHOR = rb"cookies['\"]?[ ]{0,2}[:=][ ]{0,2}(?:\{|dict\()"
JAR_BYTES = 400
"""Bytes of a mapping of cookies in code: a few of them."""
_IN_JAR = re.compile(
    rb"['\"]?[\w.%-]{1,60}['\"]?[ ]?(?:=>|[:=])[ ]?['\"](?P<value>[\w.%/+=-]{16,400})['\"]"
)


def jar(text: bytes, end: int) -> Iterator[Finding]:
    """The drawn values of cookies that code gives to a client: `cookies={"sessionid": ...}`."""
    stop = min(len(text), end + JAR_BYTES)
    closed = min(
        (at for at in (text.find(c, end, stop) for c in (b"}", b")")) if at >= 0), default=stop
    )
    for match in _IN_JAR.finditer(text, end, closed):
        if strength.is_random(match["value"].decode("ascii")):
            yield from _found(text, match.span("value"), "secret_keyword", "cookie", COOKIE_SCORE)
