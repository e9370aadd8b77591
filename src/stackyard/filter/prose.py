"""What prose says of licences: of what it speaks, whether it grants, and what it takes back.

In: a passage of a header, a README or a licence file. Out: what it says of the whole that it stands
for (an expression), of parts of it, and whether it limits or denies its use.
Always holds: a name counts for what its sentence speaks of, never because it occurs; what limits or
denies the use of the whole makes it RESTRICTED, whatever else is granted; several names hold all at
once unless a choice is said.

A sentence is read as a small grammar: subject (the whole, a part, something else), polarity, then
names that `and` or `or` connects, then what takes back (limits). Each class of words is closed and
short: what belongs to none of them is read the stricter way.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import hyperscan

from stackyard.filter.expression import (
    UNRECOGNIZED,
    canonical,
    conjunction,
    families,
    simplify,
)

# --- sentences ---------------------------------------------------------------------------------

_LEADER = re.compile(r"^[\s/*#;%!\"'|<>{}()=:\\-]+|^\s*(?:dnl|rem)\b\s*", re.IGNORECASE)
_BOUNDARY = re.compile(
    r"\n(?:[^\w\n]*\n)+"  # an empty line, or one of comment marks alone
    r"|\n(?=[ \t]*(?:[-+]|\d{1,2}[.)]) )"  # an item of a list
    r"|(?<=[.!?])[\"')*\]`]*\s+(?=[^a-z\s])"
    r"|(?<=[.!?])[\"')*\]`]*\s+(?=(?:see|it|they|this|icons|parts)\b)"
)
_NOT_AN_END = re.compile(r"(?:\b(?:e\.g|i\.e|v|ver|vers|no|nr|cf|incl|approx)\.)\Z", re.IGNORECASE)
_MARKUP = re.compile(r"<[^<>]{0,200}>|[`*\"]|\\[a-z]+\b|'(?!t\b)|(?<!\w)_|_(?!\w)")
_MARKUP_CHAR = re.compile(r"[<`*\"\\'_]")
_LINK = re.compile(r"!?\[([^\[\]]{0,200})\](?:\([^()\s]{0,300}\)|\[[^\[\]]{0,100}\])?")
_NOT = re.compile(r"\b(is|are|was|do|does|may|must|can|should|would|wo|ca|has|have)n'?t\b")
_SHORT_NOTS = (
    "n't",
    *(
        f"{verb}nt"
        for verb in (
            "is",
            "are",
            "was",
            "do",
            "es",
            "may",
            "st",
            "ca",
            "ld",
            "wo",
            "as",
            "ve",
            "can",
        )
    ),
)
"""How all that it matches ends."""
_FILE_BESIDE = re.compile(
    r"\((?:see |in |the |file |text in |from )*(?:[\w./-]*(?:copying|licen[cs]e)[\w./-]*|"
    r"[\w/-]+\.(?:txt|md))\)"
)
"""`(COPYING)`, `(see LICENSE.Apache)`: where a text is, beside its name."""
SENTENCE_CHARS_MAX: Final = 2_000
"""Of one sentence that are read: the longest of any licence's text has 1,400."""


class Sentence(NamedTuple):
    """Words in lower case, and where they stand in the passage."""

    words: str
    start: int
    end: int


@functools.lru_cache(maxsize=1 << 8)
def sentences(text: str) -> tuple[Sentence, ...]:
    """Sentences of a passage: comment marks, markup and line ends are left out of them."""
    return tuple(_sentences(text))


def _sentences(text: str) -> Iterator[Sentence]:
    start = 0
    for match in _BOUNDARY.finditer(text):
        if _NOT_AN_END.search(text, max(start, match.start() - 8), match.start()):
            continue
        yield from _sentence(text, start, match.start())
        start = match.end()
    yield from _sentence(text, start, len(text))


def _sentence(text: str, start: int, end: int) -> Iterator[Sentence]:
    said = words(text[start : min(end, start + SENTENCE_CHARS_MAX)])
    if said:
        yield Sentence(said, start, end)


def words(chunk: str) -> str:
    """Words of a chunk in lower case. A pattern is run only where a character of it stands."""
    plain = " ".join(map(_without_leader, chunk.split("\n")))
    if "[" in plain:
        plain = _LINK.sub(r"\1", plain)
    plain = plain.replace("\xc2\xa9", "(c)").replace("\xa9", "(c)").lower()
    if _MARKUP_CHAR.search(plain):
        plain = _MARKUP.sub(" ", plain)
    if any(map(plain.__contains__, _SHORT_NOTS)):
        plain = _NOT.sub(r"\1 not", plain)
    plain = plain.replace("cannot", "can not").replace("wo not", "will not")
    plain = _FILE_BESIDE.sub(" ", plain.replace("ca not", "can not"))
    return " ".join(plain.split()).strip(" -:|")


def _without_leader(line: str) -> str:
    leader = _LEADER.match(line)
    return line if leader is None else line[leader.end() :]


# --- what takes back ---------------------------------------------------------------------------

_WORK = (
    r"(?:\b(?:th(?:is|e|ese)|our|all)(?: [a-z-]+){0,3} (?:files?|software|programs?|codes?|sources?|"
    r"works?|documents?|materials?|products?|projects?|repositor(?:y|ies)|librar(?:y|ies)|packages?|"
    r"contents?|information|scripts?|modules?|plugins?|app|applications?)\b|^it\b|\bany part\b|"
    r"\bparts? (?:of|thereof)\b|^(?:may|must|not)\b)"
)
_STRONG = (
    r"(?:copied|reproduced|(?:re-?)?distributed|disclosed|sold|resold|sublicen[sc]ed|transmitted|"
    r"commerciali[sz]ed|published|shared|reverse[- ]engineered|decompiled|given away|passed on)"
)
_WEAK = r"(?:used|modified|hosted|deployed|run|executed|embedded|offered|provided|included|fed)"
_DOING = (
    r"(?:copy(?:ing)?|cop(?:y|ies)|use|usage|using|reproduc(?:tion|ing|e)|(?:re-?)?distribut(?:ion|ing|e)|"
    r"disclos(?:ure|ing|e)|publi(?:cation|shing|sh)|modif(?:ication|ying|y)|dissemination|sharing|"
    r"transmission|resale|selling|sale|sell|re-?sell|sublicens(?:ing|e))"
)
_FORBIDDEN = (
    r"(?:(?:strictly |expressly |hereby )?(?:prohibited|forbidden|disallowed|unlawful|illegal)|"
    r"(?:not|never) (?:be )?(?:permitted|allowed|authori[sz]ed|granted|licensed))"
)
_LEGAL = (
    r"(?:permission|consent|authori[sz]ation|approval|agreement|commercial|third part|\blaw|licen[cs]e|"
    r"for any purpose|in any (?:form|way|manner)|by any (?:means|medium)|whole or in part|outside|"
    r"armed|military|surveillance|weapons?|competes?|train)"
)
_PURPOSE = (
    r"(?:personal|private|educational?|academi[ac]|research|scientific|evaluation|testing|trial|"
    r"non-?profit|study|teaching|demonstration|hobby|internal|non-? ?commercial)"
)
_TRAINING = (
    r"(?:train(?:ed|ing)?|machine[- ]learning|artificial intelligence|\bai\b|\bllms?\b|"
    r"language models?|data ?mining|data ?sets?|scrap(?:ed|ing))"
)
_AGREEMENT = r"(?:commercial|separate|written|paid|proprietary|valid|enterprise|signed)"

_LIMITS: Final = (
    # secrecy
    r"\b(?:company|strictly|highly|private|commercial(?:ly)?|business)(?: and| in|,)? confidential\b",
    r"\bconfidential(?: and| &|/| or| -|,) ?(?:proprietary|private|privileged)",
    r"\bproprietary(?: and| &|/| or| -|,) ?(?:confidential|secret)",
    r"\bconfidential (?:information|property|material|source|work|document) ?(?:of|$|and|\.|belong)",
    (r"\b(?:is|are|contains?|remains?)(?: [a-z]+){0,3} confidential\b(?: (?:and|to|information|"
    r"material|property)|\.|$)"),
    r"^(?:[a-z0-9.,&-]+ ){0,4}confidential\.?$",
    r"\btrade secrets?(?: (?:of|and|or|owned|information)|\.?$)|\bcontains? (?:[a-z]+ ){0,3}trade secrets?",
    r"\bunpublished (?:proprietary|work|source)",
    (r"(?:^|\b(?:is|are|remains?|under|as|this|contains?) (?:an? |the )?)proprietary(?: (?:to|of|"
    r"and|software|source|code|property|licen[cs]e|information|material|work|program|product)|\.|$)"),
    r"\bproprietary (?:licen[cs]e|software|property) of\b",
    # who and where
    (r"\binternal (?:[a-z]+ ){0,2}use (?:[a-z-]+ ){0,5}only\b|\bonly for (?:the )?(?:[a-z]+ "
    r"){0,3}internal\b|\bsolely for (?:the )?(?:[a-z]+ )?internal\b"),
    (r"\bnot (?:for|to be) (?:public |external |general |commercial |further |open )?(?:release|"
    r"(?:re-?)?distribution|disclosure|resale|publication|(?:re-?)?distributed|disclosed|"
    r"published|reproduced|resold)\b"),
    (r"\b(?:do|must|may|shall) not (?:re-?)?(?:distribute|copy|share|disclose|reproduce|sell|"
    r"publish)(?: or [a-z]+)? (?:this (?:file|code|software|program|source|document|work)|without|"
    r"outside|to (?:any|third|others))"),
    # what may not be done
    rf"{_WORK}.{{0,80}}\b(?:may|must|can|shall|is|are|will) ?(?:not|never) (?:to )?(?:be )?(?:[a-z]+,? (?:or |and )?){{0,3}}{_STRONG}\b",
    rf"{_WORK}.{{0,80}}\b(?:may|must|can|shall) ?(?:not|never) be (?:[a-z]+ ){{0,2}}{_WEAK}\b.{{0,80}}{_LEGAL}",
    r"\bno (?:part|portion|piece)s? (?:of|thereof).{0,80}\b(?:may|shall|can|is)\b",
    (r"\b(?:you|users?|licensees?|recipients?|customers?|companies|third parties) (?:may|must|"
    r"shall|can|are) ?(?:not|never) (?:allowed to |permitted to |entitled to |authori[sz]ed to "
    r")?(?:copy|reproduce|(?:re-?)?distribute|disclose|sell|re-?sell|sub-?licen[cs]e|"
    r"commerciali[sz]e|host|offer)\b"),
    rf"\b(?:you|users?|licensees?|companies) (?:may|must|shall) ?(?:not|never) (?:use|modify|run|deploy)\b.{{0,60}}{_LEGAL}",
    rf"\b(?:nobody|no ?one|no person|no company|no third part(?:y|ies)) (?:may|can|is|shall|has)\b.{{0,60}}(?:{_DOING}|offer|host)",
    rf"\b{_DOING}\b.{{0,120}}\b(?:is|are|be) {_FORBIDDEN}",
    rf"\bunauthori[sz]ed (?:{_DOING}|access)\b",
    rf"\b(?:prohibited|forbidden|illegal|unlawful) to {_DOING}\b",
    rf"\b{_DOING}\b.{{0,60}}\b(?:without|(?:except|unless|only) (?:with|by|under)) (?:the |an? )?(?:(?:prior|express(?:ed)?|explicit|specific|written|our|my|their) ?(?:and |or |, )?){{0,3}}(?:permission|consent|authori[sz]ation|approval|agreement)\b",
    # what for
    r"\b(?:not|never|no)\b(?: [a-z]+){0,4} (?:for )?(?:any )?commercial(?:ly)?\b",
    rf"\bfor (?:strictly |purely )?(?:[a-z-]+,? (?:or |and |/ ?)?){{0,5}}{_PURPOSE}(?: [a-z-]+){{0,5}} only\b",
    r"\blicen[cs]ed? for (?:[a-z-]+ ){1,4}use only\b",
    r"\blicen[cs]ed?\b.{0,60}\bfor use (?:in|by|within|at|with|on) (?:[a-z-]+ ){1,4}only\b",
    (r"\blicen[cs]ed? for (?:[a-z-]+ )?(?:students?|pupils?|schools?|classrooms?|teachers?|"
    r"hobbyists?|charities|academics|universities|members|employees|customers)\b"),
    rf"\b(?:only|solely|exclusively|limited|restricted) (?:[a-z]+ ){{0,3}}(?:for|to) (?:[a-z-]+,? ){{0,4}}{_PURPOSE}\b",
    (r"\bnon-? ?commercial(?:ly)?\b(?: [a-z]+){0,3} only\b|\bfree for (?:[a-z]+,? (?:and |or "
    r")?){0,3}(?:non-? ?commercial|personal|private|academic|educational)"),
    (r"\bcommercial(?:ly)? (?:use|usage|users?|purposes?|entities|exploitation|applications?|"
    r"projects?|products?)\b.{0,60}\b(?:prohibited|forbidden|not|requires?|needs?|must|without|"
    r"only|contact|excluded)\b"),
    (r"\bonly (?:be )?(?:used |distributed |shared )?(?:by|within|inside) (?:the )?(?:members?|"
    r"employees|staff|customers|company)\b"),
    # who must ask
    rf"\b(?:requires?|needs?|must (?:have|obtain|buy|purchase|get|acquire)|obtain|buy|purchase|acquire|without|have) (?:an? |the )?(?:[a-z-]+ ){{0,2}}{_AGREEMENT} (?:[a-z-]+ ){{0,2}}(?:licen[cs]e|agreement|permission|contract)\b",
    rf"\b{_AGREEMENT} (?:[a-z-]+ )?(?:licen[cs]e|agreement|contract) (?:is|are) (?:needed|required|necessary|mandatory)\b",
    (r"\b(?:needs?|requires?|(?:must|has to|have to) (?:have|get|obtain|ask for)) (?:our|my|his|"
    r"her|their|the (?:authors?|owners?|holders?)(?: s)?) (?:[a-z-]+ ){0,2}(?:consent|permission|"
    r"approval|agreement|licen[cs]e)\b"),
    (r"\b(?:subject to|under|governed by) (?:the )?(?:terms (?:and conditions )?of )?(?:an? |your |"
    r"the |our )?(?:[a-z]+ ){0,2}(?:(?:written|separate|commercial|end[- ]user|non-?disclosure) "
    r"(?:[a-z]+ )?)+(?:licen[cs]e )?agreement\b"),
    r"\blicen[cs]ed only to\b|\bonly (?:with|by|under) (?:an? )?(?:prior |express |written )+",
    # nothing is given
    (r"\bno (?:[a-z-]+ )?(?:licen[cs]es?|rights?|permissions?)\b(?: [a-z,]+){0,8} (?:is|are|"
    r"granted|given|conveyed)\b"),
    r"\bnot (?:an? )?(?:open[- ]sourced?|free software|licensed (?:to|for))\b",
    (r"^(?:this (?:[a-z]+ )?is )?(?:unlicensed|closed[- ]source|source[- ]available|commercial "
    r"software|non-? ?free)\b"),
    (r"\bclosed[- ]source (?:software|project|product|code)\b|\bfor (?:viewing|reading|reference|"
    r"source review) (?:[a-z]+ )?only\b"),
    # learning
    rf"\b(?:not|never|no|forbid\w*|prohibit\w*|without|exclud\w*|except|opt(?:ed)? out)\b.{{0,80}}{_TRAINING}",
    rf"{_TRAINING}.{{0,80}}\b(?:not|never|prohibited|forbidden|excluded|disallowed)\b",
)  # fmt: skip
_NAMES_OF_PEOPLE = re.compile(
    r"\b(?:endors|promot|publicity|advertis|trade ?marks?|trade names?|misrepresent|logos?\b"
    r"|\bnames?\b|\bbe called\b|warrant|liab(?:le|ility))"
)
_IN_COMPLIANCE = re.compile(
    r"\b(?:except|unless|other than|only)\b(?: [a-z]+){0,3} (?:compliance|accord(?:ance|ing)|as "
    r"(?:expressly )?"
    r"(?:permitted|provided|stated|described|allowed|set forth)|(?:under|pursuant to|with|by) "
    r"(?:the |those |these )?"
    r"(?:terms|conditions|licen[cs]e|above)|those terms|permitted by|you comply)"
)
_EITHER_PURPOSE = re.compile(
    r"\bcommercial(?:ly)? (?:and|or|as well as|/) ?non-? ?commercial|non-? ?commercial(?:ly)?,? "
    r"(?:and|or|as well as|/) ?commercial"
    r"|\b(?:any|all) purposes?\b.{0,30}\bcommercial|including (?:[a-z]+ )?commercial|also "
    r"commercial|no restrictions?\b"
)


_ADVICE = re.compile(
    r"\bunder no obligation\b|\bshould (?:only|not|never)\b|\b(?:recommend\w*|designed|useful|"
    r"suitable|suited)\b"
    r"|\blicensed (?:material|rights)\b|\bunder this (?:public )?licen[cs]e\b"
    r"|\bwithout (?:any )?(?:pay\w*|fees?|charges?|restrict\w*|limit\w*|royalt\w*|costs?)\b"
)
"""How something is to be used well, what a licence calls its subject, and what is free of charge."""


_OF_CODE = re.compile(
    r"\b(?:functions?|methods?|constructors?|pointers?|buffers?|handles?|mutex\w*|threads?|"
    r"structs?|variables?|arguments?|parameters?|"
    r"instances?|iterators?|callbacks?|assignments?|operators?|semantics|copy[- ]?constructor|"
    r"moves?|values?)\b"
)
"""What cannot be copied or used in another sense."""


def limits(said: str) -> bool:
    """Whether a sentence limits or denies the use of what it speaks of.

    Harmless are sentences on names, marks and notices, and those that only ask to follow the licence.
    """
    return bool(limiting([said]))


def may_limit(lines: bytes) -> bool:
    """Whether a rule on limits matches a line, harmless or not: a first, cheap look."""
    ends: list[int] = []
    _limit_database().scan(lines, match_event_handler=_collect, context=ends)
    return bool(ends)


def limiting(said: Sequence[str]) -> list[int]:
    """Numbers of the sentences that do, all of them searched at once."""
    lines = [words.replace(",", "").replace("\n", " ") for words in said]
    ends: list[int] = []
    text = "\n".join(lines).encode("latin-1", "replace")
    _limit_database().scan(text, match_event_handler=_collect, context=ends)
    if not ends:
        return []
    starts = list(itertools.accumulate((len(line) + 1 for line in lines), initial=0))
    hit = sorted({bisect.bisect_right(starts, max(end - 1, 0)) - 1 for end in ends})
    return [number for number in hit if number < len(lines) and not _is_harmless(lines[number])]


def _is_harmless(plain: str) -> bool:
    return (
        plain.endswith("?")
        or _OF_CODE.search(plain) is not None
        or _ADVICE.search(plain) is not None
        or _NAMES_OF_PEOPLE.search(plain) is not None
        or _IN_COMPLIANCE.search(plain) is not None
        or _EITHER_PURPOSE.search(plain) is not None
    )


def _collect(_number: int, _start: int, end: int, _flags: int, ends: list[int]) -> None:
    ends.append(end)


@functools.cache
def _limit_database() -> Any:
    database = hyperscan.Database()
    database.compile(
        expressions=[pattern.encode() for pattern in _LIMITS],
        ids=list(range(len(_LIMITS))),
        elements=len(_LIMITS),
        flags=[hyperscan.HS_FLAG_MULTILINE] * len(_LIMITS),
    )
    return database


# --- names -------------------------------------------------------------------------------------


class Mention(NamedTuple):
    """A licence that a sentence names: where in it, and its expression."""

    start: int
    end: int
    expression: str


_CC = (
    r"(?:cc|creative commons)[ -](?:by|attribution)(?:[ -](?:nc|nd|sa|non-?commercial|"
    r"no-?deriv\w*|share-?alike))*(?: (?:licen[cs]e|international|unported|public))*(?:,? "
    r"?(?:v|version )?\d\.\d)?"
)
_PLAIN_NAMES = re.compile(
    rf"(?P<cc>\b{_CC})"
    r"|(?P<gnu>(?:\bgnu )?\b(?:affero |lesser |library |lesser/library )?(?:general|gen\.) public "
    r"licen[cs]e|\bgnu (?:affero|lesser|library) (?:general )?public licen[cs]e|\b(?:gnu )?[al]?gpl)"
    r"(?P<version>[ ,(-]*(?:licen[cs]e[ ,(]*)?(?:v(?:ersion|er\.?|\.)? "
    r"?)?[123](?:\.[01])?(?!\.?\d))?(?P<later>\+|[ ,(-]*or[ -](?:\(at your option\) )?(?:any "
    r")?(?:later|newer|above)(?: version)?)?"
    r"|(?P<bsd>\b(?:the )?(?:(?P<clauses>[0234]|zero|two|three|four|new|modified|revised|"
    r"simplified|original)[- ]?(?:clauses?[- ])?)?(?:bsd)(?:[- ](?P<after>[0234])(?:[- "
    r"]clauses?)?)?(?: style)?(?: licen[cs]e)?(?: ?\((?P<inside>[0234]|two|three|four)[- ]clauses?\))?)"
    r"|(?P<apache>\bapache(?: software)?(?: foundation)?(?: public)?(?:[ -]licen[cs]e)?(?:,? "
    r"?-?(?:v|version )?(?P<apache_version>[12](?:\.[01])?))?(?:[ -]licen[cs]e)?)"
    r"|(?P<mit>\b(?:mit/x11|x11/mit|mit/expat|mit|expat)\b(?:[- ](?:expat|x11))?(?:[- "
    r"]licen[cs](?:e|ed)\b)?(?! ?(?:university|press|media|course|scheme))(?P<mit_0>-0)?)"
    r"|(?P<word>\b(?:isc|zlib|unlicense|wtfpl|cc0(?:[ -]1\.0)?|0bsd|bsl-1\.0|boost|mpl(?:[ "
    r"-]?v?(?:1\.1|2\.0|2))?|epl(?:[ -]?v?[12]\.0)?|cddl(?:-1\.[01])?|eupl(?:[ -]?v?1\.[12])?|"
    r"ofl(?:[ -]1\.1)?|artistic(?:[ -][12]\.0)?|sspl(?:[- ]?v?1(?:\.0)?)?|busl(?:-1\.1)?|public "
    r"domain|ms-pl|upl|zpl|psf|python software foundation|elastic|fair source|fsl|polyform(?:[ "
    r"-]\w+)*|prosperity|anti-?996|hippocratic|commons clause)\b(?:[ -]licen[cs]e)?)"
)
_PHRASE = re.compile(
    r"(?<![a-z0-9.+/&-])(?:[a-z0-9.+/&-]+ ){1,6}licen[cs]e(?:,? (?:agreement|v?\d[\d.]*|version v?\d[\d.]*))?"
)
_GRANT = re.compile(
    r"\b(?:licen[cs]ed|released|distributed|available|published|covered|provided|offered|governed|"
    r"shared|made available|open[- ]sourced|is|are|falls?)"
    r"(?: [a-z]+){0,2} (?:under|by|with|using|subject to|on)(?: the)?(?: terms(?: and "
    r"conditions)?| conditions)?(?: (?:of|in|set forth in))?(?: the| an?| our| its| their| terms "
    r"of the)? (?P<what>[^.;()]{2,80})"
)
_POINTER = re.compile(
    r"^(?:same|this|that|these|those|following|above|below|attached|included|accompanying|"
    r"respective|their|its|own|original|relevant|licen[cs]es?\b|terms?\b|conditions?\b|"
    r"license[.-]|copying\b|file\b|[a-z]+ licen[cs]es$|either|both|any\b|one of|two\b|three\b|"
    r"[2-4][ -]clause|software$|open[- ]source|permissive|free)"
)
_WORDS: Final = {
    "isc": "ISC", "zlib": "Zlib", "unlicense": "Unlicense", "wtfpl": "WTFPL", "0bsd": "0BSD",
    "boost": "BSL-1.0", "bsl-1.0": "BSL-1.0", "cc0": "CC0-1.0", "cc0-1.0": "CC0-1.0",
    "mpl": UNRECOGNIZED, "mpl-2": "MPL-2.0", "mpl-2.0": "MPL-2.0", "mpl-1.1": "MPL-1.1", "epl": UNRECOGNIZED,
    "ofl": "OFL-1.1", "artistic": "Artistic-1.0-Perl", "psf": "PSF-2.0", "sspl": "SSPL-1.0",
    "busl": "BUSL-1.1", "upl": "UPL-1.0", "ms-pl": "MS-PL", "elastic": "Elastic-2.0",
}  # fmt: skip
_CLAUSES: Final = {
    "0": "0BSD", "zero": "0BSD",
    "2": "BSD-2-Clause", "two": "BSD-2-Clause", "simplified": "BSD-2-Clause",
    "3": "BSD-3-Clause", "three": "BSD-3-Clause", "new": "BSD-3-Clause",
    "modified": "BSD-3-Clause", "revised": "BSD-3-Clause",
    "4": "BSD-4-Clause", "four": "BSD-4-Clause", "original": "BSD-4-Clause",
}  # fmt: skip


_MAY_NAME = re.compile(
    r"licen|gpl|\bmit\b|mit/|bsd|apache|\bisc\b|expat|zlib|domain|\bcc|creative|mpl|epl|wtfpl|"
    r"cddl|ofl|sspl|busl|bsl|polyform|clause|psf|ms-pl|upl|zpl|fsl|fair source|prosperity|boost"
)


@functools.lru_cache(maxsize=1 << 12)
def mentions(words: str) -> tuple[Mention, ...]:
    """Licences that a sentence names, in their order; a licence of an unknown name too, where it is
    said that something is under it.
    """
    if not _MAY_NAME.search(words):
        return ()
    found: list[Mention] = []
    for match in _PHRASE.finditer(words) if "licen" in words else ():
        listed = _listed(words, match)
        if listed is not None:
            found.append(listed)
    found += [
        Mention(match.start(), match.end(), _named(match))
        for match in _PLAIN_NAMES.finditer(words)
        if _is_name(words, match)
    ]
    for match in _GRANT.finditer(words):
        what = match["what"].strip()
        start = match.start("what")
        if not _POINTER.match(what) and not any(
            m.start < match.end() and start < m.end + 1 for m in found
        ):
            name = re.match(r"(?:[^\s]+ ){0,8}?[^\s]*licen[cs]e\b", what)
            if name is not None:
                found.append(Mention(start, start + name.end(), UNRECOGNIZED))
    kept: list[Mention] = []
    for mention in sorted(found, key=lambda m: (m.start, -m.end)):
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
        elif mention.end > kept[-1].end and mention.expression == kept[-1].expression:
            kept[-1] = kept[-1]._replace(end=mention.end)
    ends = [mention.start for mention in kept[1:]] + [len(words)] * bool(kept)
    return tuple(_with_version(m, words[m.end : end]) for m, end in zip(kept, ends, strict=True))


_OPEN: Final = {
    "GPL-1.0-or-later": "GPL", "LGPL-2.0-or-later": "LGPL", "AGPL-3.0-or-later": "AGPL"
}  # fmt: skip
_VERSION_LATER = re.compile(r"\b(?:version|v)\.? ?(?P<version>[123](?:\.[01])?)(?!\.?\d)")
_OR_LATER = re.compile(r"\bany later\b|\bor (?:later|newer|above)\b|\bor \(at your option\)")


def _with_version(mention: Mention, rest: str) -> Mention:
    """A GNU licence without a version, with the one that its sentence names further on."""
    family = _OPEN.get(mention.expression)
    stated = _VERSION_LATER.search(rest) if family else None
    if stated is None:
        return mention
    later = "+" if _OR_LATER.search(rest) else ""
    named = canonical(f"{family}-{stated['version']}{later}")
    return mention if named is None else mention._replace(expression=named)


_GNU_OR_JOINED = re.compile(r"GPL-|GFDL-| OR | AND ")  # these have a reading of their own


def _listed(words: str, match: re.Match[str]) -> Mention | None:
    """The longest end of a phrase that is a name of the SPDX list."""
    start, stop = match.span()
    while start < stop:
        expression = canonical(words[start:stop])
        if expression not in {None, UNRECOGNIZED} and " " in words[start:stop]:
            assert expression is not None
            if not _GNU_OR_JOINED.search(expression):
                return Mention(start, stop, expression)
        step = words.find(" ", start, stop)
        if step < 0:
            break
        start = step + 1
    return None


_SURE = re.compile(r"licen[cs]|\d|[al]?gpl|public licen|sspl|busl|wtfpl|unlicense|0bsd|cddl|eupl|"
                   r"polyform|commons clause|public domain|cc[ -]by|creative")  # fmt: skip
_LEFT = re.compile(
    r"(?:^|[:(,/=|\[]|licen[cs]e[.-]|\b(?:under|the|or|and|either|both|is|are|also|licen[cs]ed?|"
    r"of|an?|plus|via|as|mit|no longer|formerly|was|now|not|per|by|gnu|using|uses?|use)) ?$"
)
_RIGHT = re.compile(
    r"^ ?(?:$|[.,;:)\]/|&-]|\(|\b(?:or|and|but|with|for|unless|except|where|as|at|terms|style|"
    r"copyright|if|however|which|while|the|until|only|no|open|compatible)\b)"
)
_ON_TERMS = re.compile(
    r"\b(?:licen[cs]|terms|copyright|releas|distribut|\(c\)|under\b|open[- ]source|free|proprietary)"
)
_SHORT_WORDS_MAX = 6  # of a sentence that says no more than a name: `MIT or Apache, see below`


def _is_name(words: str, match: re.Match[str]) -> bool:
    """Whether a word that is also another one (MIT, Boost, Apache) stands for a licence here."""
    text = match[0]
    if match["word"] and re.match(r"(?:artistic|boost|elastic|prosperity|psf|python|isc|"
                                  r"ofl|upl)", text):  # fmt: skip
        sure = "licen" in text or any(char.isdigit() for char in text)
    else:
        sure = _SURE.search(text) is not None
    if text == "public domain":
        return (
            re.search(r"\b(?:in|into|to|under) (?:the )?$|^$", words[: match.start()]) is not None
        )
    if sure:
        return True
    if words.count(" ") >= _SHORT_WORDS_MAX and not _ON_TERMS.search(words):
        return False
    left = _LEFT.search(words[max(0, match.start() - 24) : match.start()])
    return left is not None and _RIGHT.match(words[match.end() :]) is not None


def _named(match: re.Match[str]) -> str:
    text = match[0].strip()
    if match["gnu"] is not None:
        name = match["gnu"].removeprefix("gnu ").replace("library ", "lesser ").strip()
        family = "AGPL" if "affero" in name or "agpl" in name else "GPL"
        family = "LGPL" if "lesser" in name or "lgpl" in name else family
        digits = re.search(r"[123](?:\.[01])?", match["version"] or "")
        later = "+" if match["later"] else ""
        return canonical(f"{family}-{digits[0]}{later}" if digits else family) or UNRECOGNIZED
    if match["bsd"] is not None:
        count = match["clauses"] or match["after"] or match["inside"]
        return _CLAUSES.get(count or "", "LicenseRef-scancode-bsd-unchanged")
    if match["apache"] is not None:
        version = match["apache_version"] or "2.0"
        return "Apache-2.0" if version.startswith("2") else "Apache-1.1"
    if match["mit"] is not None:
        return "MIT-0" if match["mit_0"] else "MIT"
    if match["cc"] is not None:
        return _creative_commons(text)
    name = re.sub(r"[ -]licen[cs]e$", "", text).replace(" v", "-").replace(" ", "-")
    listed = _WORDS.get(name)
    if listed is not None:
        return listed
    return canonical(text) or canonical(name) or UNRECOGNIZED


def _creative_commons(text: str) -> str:
    version = re.search(r"\d\.\d", text)
    plain = re.sub(r"non-?commercial", "nc", text)
    plain = re.sub(r"no-?deriv\w*", "nd", re.sub(r"share-?alike", "sa", plain))
    parts = ["by", *(part for part in ("nc", "nd", "sa") if re.search(rf"[ -]{part}\b", plain))]
    number = version[0] if version else "4.0" if "nc" in parts or "nd" in parts else None
    return (canonical(f"cc-{'-'.join(parts)}-{number}") if number else None) or UNRECOGNIZED


# --- of what a sentence speaks -----------------------------------------------------------------

_VERB = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|can|may|will|shall|must|comes?|uses?|contains?|"
    r"includes?|bundles?|ships?|"
    r"depends?|requires?|falls?|remains?|stays?|belongs?|goes|come|licensed|released|distributed|"
    r"available|published|"
    r"provided|made|covered|offered|governed|dedicated|under(?! (?:the |this )?[^ ]*/)(?! (?:the "
    r")?[^ ]+ (?:folder|director))|follows?|adopts?|carries)\b|[:=(]"
)
_USES = re.compile(
    r"\b(?:uses|(?:we|i) use|using|based (?:up)?on|buil[td] (?:up)?on|built (?:with|using|from)|"
    r"depends?(?: on)?|powered by|thanks to|"
    r"requires?|relies on|ports? of|ported from|forks? of|forked from|borrow\w*|taken from|"
    r"adapted from|derived from|copied from|inspired by|"
    r"generated (?:by|with)|made with|written with|links? (?:to|against)|talks? to|includes?|"
    r"including|contains?|containing|"
    r"bundles?|bundling|ships? with|embeds?|incorporates?|wraps?|vendors?|works? with|speaks? to|"
    r"connects? to|comes? with)\b"
)
_BELONGS = re.compile(r"\b(?:is|are)(?: an?)? part of\b|^part of\b")
_TAKEN_IN = re.compile(
    r"\b(?:based (?:up)?on|ports? of|ported from|borrow\w*|taken from|adapted from|derived from|"
    r"includes?|including|contains?|containing|"
    r"bundles?|bundling|ships? with|embeds?|incorporates?|comes? with|code (?:from|by)|copied from)\b"
)
_ITSELF = re.compile(
    r"(?:\band|\bbut|,|\.)? ?(?:it |itself |they |we |this \w+ )?(?:(?:is|are|itself is) "
    r"(?:itself |also |dual[- ]|now |hereby )?(?:licen[cs]ed|released|distributed|available|made|"
    r"published|provided|offered|under|open)|(?:licen[cs]e|release|distribute|publish|offer|put) "
    r"(?:it|this|them))\b"
)
_RELATIVE = re.compile(r"\b(?:which|that|whose|who)(?: [a-z]+){0,4}$")
_COMPARED = re.compile(
    r"\b(?:in)?compatible|\bsimilar|\bunlike|\bequivalent|\bcomparable|\bresembl|\bconflict|\bany "
    r"other\b|\bsuch as\b|\bwhose\b|\bmentions?\b|\bfor example\b|\be\.g"
)
_DENIED = re.compile(
    r"\b(?:no longer|not(?! only| limited)|never|neither|nor|formerly|previously|originally|once|"
    r"used to be|was|were|until|before|instead of|rather than|"
    r"switch\w* (?:away )?from|mov\w* (?:away )?from|chang\w* from|relicensed from|in the past|"
    r"replac\w+|drop\w*|withdr\w+|ceas\w*|stop\w*|except(?:ing)?(?: for)?|other than)\b"
)
_PAST_GRANT = re.compile(
    r"\b(?:was|were|has been|have been|had been) (?:re-?)?(?:licen[cs]ed|released|placed|put|made|"
    r"published|dedicated)\b"
)
_PART = re.compile(
    r"\b(?:icons?|images?|art|artwork|fonts?|documentation|docs|manuals?|logos?|assets?|data|"
    r"datasets?|models?|weights|samples|examples|(?:sample|example) (?:code|programs?|files)|tests|"
    r"css|html|javascript|js|translations?|sounds?|music|audio|media|graphics|texts?|screenshots?|"
    r"photos?|pictures|website|articles?|themes?|templates?|"
    r"parts|portions?|pieces|sections?|some|components?|third[- ]party|3rd[- ]party|vendored|"
    r"bundled|dependenc(?:y|ies)|libraries|contributions?|"
    r"submodules?|snippets?|sprites?|textures?|maps?|specs?|specifications?|schemas?|folders?|"
    r"director(?:y|ies)|exceptions?|server|client|frontend|backend|plugins?|headers?|versions?|releases)\b"
)
_WHOLE = re.compile(
    r"\b(?:(?:this|the|our|whole|entire|all) (?:[a-z-]+ ){0,3}(?:projects?|software|librar(?:y|"
    r"ies)|code(?:base)?|source(?:s| code| files?)?|repositor(?:y|ies)|repo|packages?|programs?|"
    r"works?|modules?|tools?|crates?|gems?|plugins?|apps?|applications?|frameworks?|extensions?|"
    r"files?|scripts?|class|product|game|bundle|contents?|implementation|collection|templates?|"
    r"theme|bindings?|driver|server|client|distribution)"
    r"|everything|all (?:else|of it|(?:other|remaining) [a-z]+)|the rest|source code|code|project|"
    r"licen[cs](?:e|es|ing)|copyright|it|we|i|you|they|this|these|legal|terms)\b"
)
_REST = re.compile(
    r"\b(?:everything else|all else|the rest|all other|all remaining|otherwise|remainder|outside)\b"
)
_CONNECTIVE = re.compile(
    r"^[\s,;/&|+()\-]*(?:(?:licen[cs]es?|licensed)\b)?[\s,;/&|+()\-]*(?:(?:and/or|and|or|as well "
    r"as|plus|either)\b)?[\s,;/&()\-]*(?:(?:also|either|both|under|the|an?|terms|of|conditions|"
    r"version|as published by|at your option|\(?at your option\)?|gnu)\b[\s,;()\-]*)*$"
)
_CHOICE = re.compile(
    r"\bdual[ -]?licen[cs]|\b(?:double|multi|tri)[ -]?licen[cs]|\bdually\b|\beither\b|\bat "
    r"(?:your|the users?|ones|the licensees?) (?:own )?(?:option|choice)\b(?!\)?,? (?:any|or) )|"
    r"\bchoos|\bchoice\b|\bpick\b|\bselect\b"
    r"|\bwhichever\b|\b(?:any|one) of (?:the|these|those)\b|\balternative"
)
_ALTERNATIVELY = re.compile(
    r"^(?:[a-z]+ ){0,3}alternatively\b|^or\b|^you (?:may|can) (?:also |instead )"
)

WHOLE: Final = "whole"
PART: Final = "part"
OTHER: Final = "other"
DENIED: Final = "denied"


class Group(NamedTuple):
    """Names that a sentence connects, what they are said of, and in which words."""

    role: str
    expression: str
    lead: str


def _role(clause: str, title: frozenset[str] | None) -> str:
    """What the words before a name speak of.

    Args:
        clause: words of the sentence before the name, less those of clauses before.
        title: words that name the project; None: a name of any kind is that of the whole.
    """
    clause = clause.strip()
    compared = _COMPARED.search(clause)
    if compared is not None and not _ITSELF.search(clause, compared.end()):
        return OTHER
    taken_in = PART if _PART.search(clause) or _TAKEN_IN.search(clause) else OTHER
    if _RELATIVE.search(clause):
        return WHOLE if _BELONGS.search(clause) else taken_in
    uses = _last(_USES, clause)
    if uses is not None:
        rest = clause[uses.end() :]
        beyond = re.sub(r"\b(?:the|an?|terms|of|under|following|same|same terms as)\b", "", rest)
        if beyond.strip(" ,:(") and not _ITSELF.search(rest):
            return taken_in
    if _DENIED.search(clause) is not None and not _PAST_GRANT.search(clause):
        return DENIED if _subject(clause, title) == WHOLE else PART
    return _subject(clause, title)


_FILLER = re.compile(
    r"\b(?:and|but|or|while|whereas|however|though|also|(?:please )?note that|unless otherwise "
    r"\w+|as of [\w.]+|now|currently|today|instead|hereby|"
    r"either|both|since then|no longer|not|never|formerly|previously|originally|once|until [\w.]+|"
    r"before [\w.]+|dual|all rights reserved)\b|[,;]"
)


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for match in pattern.finditer(text):
        found = match
    return found


def _subject(clause: str, title: frozenset[str] | None) -> str:
    verb = _VERB.search(clause)
    subject = clause[: verb.start()] if verb else clause
    subject = _FILLER.sub("", subject)
    subject = subject.strip(" ,-|*#")
    if not subject or re.fullmatch(r"(?:the|an?|under|by|see|copyright.*|\(c\).*|"
                                   r"[\d\s,-]+)", subject):  # fmt: skip
        return WHOLE
    if _REST.search(subject):
        return WHOLE
    whole = _WHOLE.search(subject)
    if whole is not None and not re.search(r"\b(?:in|inside|under|within|of|from|below) (?:the "
                                           r")?\S+(?: folder| director| sub)?", subject[whole.end() :]):  # fmt: skip
        return WHOLE
    if _PART.search(subject) or re.search(r"\b(?:in|inside|under|within|below) ", subject):
        return PART
    if title is None or whole is not None:
        return WHOLE
    named = set(re.findall(r"[a-z0-9]{2,}", subject)) - {"the", "copyright", "inc", "and", "by"}
    return WHOLE if named & title or not named else OTHER


def groups(words: str, title: frozenset[str] | None = None) -> tuple[Group, ...]:
    """What a sentence says of licences, clause by clause."""
    found: list[Group] = []
    names: list[str] = []
    lead, role, operator = "", WHOLE, ""
    at = 0
    is_choice = _CHOICE.search(words) is not None

    def close() -> None:
        if names:
            found.append(Group(role, _joined(names, operator, is_choice), lead))

    for mention in mentions(words):
        between = words[at : mention.start]
        if names and _CONNECTIVE.match(between):
            operator += " or" if re.search(r"\bor\b|/|\|", between) else " and" if "and" in between or "&" in between else ""  # fmt: skip
            names.append(mention.expression)
        else:
            close()
            # what follows a connective without a subject of its own speaks of the same
            lead = between if not names or not _headless(between) else lead + " " + between
            names, operator = [mention.expression], ""
            role = _role(lead, title)
        at = mention.end
    close()
    tail = words[at:]
    if found and re.match(r"[\s,]*(?:licen[cs]ed? )?(?:for|as|applies to) (?:the |all )?", tail):
        subject = _subject(tail.split("for ", 1)[-1] + " is", title)
        found[-1] = found[-1]._replace(role=PART if subject == PART else found[-1].role)
    return tuple(found)


def _headless(between: str) -> bool:
    return re.match(r"^[\s,;()]*(?:and|or|but)? ?(?:is|are|also|under|"
                    r"licensed)\b", between) is not None  # fmt: skip


def _joined(names: Sequence[str], operator: str, is_choice: bool) -> str:
    distinct = tuple(sorted(set(names)))
    if len(distinct) == 1:
        return distinct[0]
    if " or" in operator or is_choice:
        return simplify(" OR ".join(f"({name})" for name in distinct))
    return conjunction(distinct)


# --- passages ----------------------------------------------------------------------------------


class Placed(NamedTuple):
    """A part that a sentence names by its path: what it is under, and where the sentence stands."""

    path: str
    expression: str
    start: int
    end: int


_PATH = r"[\w@+.-]+(?:/[\w@+.*-]+)*/?"
_FOLDERS = r"(?:sub-?)?(?:folders?|director(?:y|ies)|trees?|paths?|dirs?)"
_PATHS = re.compile(
    rf"[`'\"\u201c](?P<quoted>{_PATH})[`'\"\u201d]"
    rf"|(?<![\w:/.])(?P<slashed>(?:[\w@+.-]+/)+)(?![\w/])"
    rf"|\b{_FOLDERS} (?:called |named |of )?(?P<after>{_PATH})"
    rf"|(?<![\w@+.*/-])(?P<before>{_PATH}) (?:sub-?)?(?:folder|directory|subtree|dir)\b",
    re.IGNORECASE,
)
_NO_PATH: Final = frozenset(
    ["this", "that", "same", "root", "each", "following", "any", "its", "own", "top-level", "the", "a",
     "source", "is", "are", "and", "or", "of", "in", "which", "every", "current", "respective", "these", "license", "licence"]
)  # fmt: skip
_LOCATED = re.compile(
    rf"\b(?:files?|code|everything|anything|contents?|software|sources?|components?|documentation|docs|assets|examples|tests|material)\b"
    rf"[^.]{{0,80}}\b(?:in|inside|under|within|below|at|from|of)\b|\b{_FOLDERS}\b"
)
_NOT_ALL = re.compile(
    r"^see\b|\b(?:some|certain|several|many|most|various)\b|\bsame (?:terms|licen|conditions)|"
    r"\bshall mean\b|\bmeans\b"
)
_A_TEXT = re.compile(r"(?i)(?:licen[cs]e|copying)[^/]*$")  # a path that the sentence points to
_UNDER = re.compile(r"\b(?:licen[cs]|under|govern|covered|subject|terms)")


def placed(text: str) -> Iterator[Placed]:
    """Parts of a tree that a passage excepts by path, each with its licence (UNRECOGNIZED: one that
    is not known, or stands elsewhere).
    """
    for sentence in sentences(text):
        words = sentence.words
        if not _LOCATED.search(words) or _NOT_ALL.search(words):
            continue
        found = groups(words)
        spoken = [group.expression for group in found if group.role == PART]
        if not spoken and (
            any(group.role == WHOLE for group in found)
            and not re.search(r"\bexcept|\bexclud", words)
        ):
            continue
        if not spoken and (_subject(words, None) == WHOLE and not re.search(r"\bexcept|\bexclud", words)):  # fmt: skip
            continue
        if not spoken and not _UNDER.search(words):
            continue
        expression = conjunction(tuple(sorted(set(spoken)))) if spoken else UNRECOGNIZED
        for match in _PATHS.finditer(_LINK.sub(r"\1", text[sentence.start : sentence.end])):
            path = next(part for part in match.groups() if part is not None).strip("/. ")
            if path and path.lower() not in _NO_PATH and not _A_TEXT.search(path):
                yield Placed(path, expression, sentence.start, sentence.end)


class Said(NamedTuple):
    """What a passage says.

    Attributes:
        whole: expression of what it stands for, None if it names no licence for it.
        parts: expressions of parts of it, each once, sorted.
        limited: whether its use is limited or denied.
        terms: whether it speaks of terms at all, understood or not.
    """

    whole: str | None
    parts: tuple[str, ...]
    limited: bool
    terms: bool


_TERMS = re.compile(
    r"licen[cs]|\bterms\b|\ball rights\b.{0,20}\breserved|\bpermission|\bpublic domain|\bcopying\b|\bgpl\b"
)
_RESERVED = re.compile(r"\ball (?:other )?rights (?:are )?(?:expressly )?reserved\b")


def read(text: str, title: frozenset[str] | None = None, *, own: bool = True) -> Said:
    """What a passage says of the whole and of parts.

    Args:
        text: the passage.
        title: words that name the project, see `_role`.
        own: whether `all rights reserved` without any grant denies; in a header it is a formula.
    """
    whole: list[str] = []
    parts: set[str] = set()
    limited = denied = reserved = terms = chosen = False
    last = WHOLE
    spoken = sentences(text)
    limit = set(limiting([sentence.words for sentence in spoken]))
    for place, sentence in enumerate(spoken):
        words = sentence.words
        found = groups(words, title)
        terms = terms or place in limit or (not found and _TERMS.search(words) is not None)
        if re.match(r"(?:they|it|these|those)\b", words) and last in {PART, OTHER}:
            found = tuple(group._replace(role=last) for group in found)
        subject = found[-1].role if found else _subject(words, None)
        if place in limit and _subject(words, None) == WHOLE:
            limited = limited or subject not in {PART, OTHER}
        reserved = reserved or _RESERVED.search(words) is not None
        if not found and whole and _CHOICE.search(words) and "licen" in words:
            chosen = True
        for number, group in enumerate(found):
            if group.role == WHOLE:
                if number == 0 and whole and _ALTERNATIVELY.match(words):
                    whole[-1] = _joined([whole[-1], group.expression], " or", is_choice=True)
                else:
                    whole.append(group.expression)
            elif group.role == PART:
                parts.add(group.expression)
            elif group.role == DENIED:
                denied = True
        last = subject
    if not own and reserved and not whole:
        limited = True
    if denied and not whole:
        limited = True
    expression = None
    if whole:
        distinct = tuple(dict.fromkeys(whole))
        expression = _joined(distinct, "", chosen) if len(distinct) > 1 else distinct[0]
        if chosen and " AND " in expression:
            expression = simplify(expression.replace(" AND ", " OR "))
    known = frozenset() if expression is None else families(expression)
    rest = tuple(sorted(part for part in parts if not families(part) <= known))
    return Said(expression, rest, limited, terms or bool(whole) or bool(parts) or limited)


def subject(heading: str, title: frozenset[str] | None) -> str:
    """What a heading speaks of."""
    return _subject(words(heading) + " is", title)


_GRANTS = re.compile(r"\b(?:licen[cs]ed|released|distributed|available|published|provided|offered|"
                     r"under|open[- ]sourced|covered|free software)\b")  # fmt: skip
_TERMS_SAID = re.compile(r"\b(?:commercial|licen[cs]|permission|consent|redistribut|distribut|"
                         r"cop(?:y|ied)|proprietary|academic|research|personal|confidential)")  # fmt: skip


def grants(lead: str) -> bool:
    """Whether the words before a name say that something is under it."""
    return _GRANTS.search(lead) is not None


def speaks_of_terms(said: str) -> bool:
    """Whether a sentence speaks of what may be done with a work, not of how it works."""
    return _TERMS_SAID.search(said) is not None


def unmarked(text: str) -> str:
    """Text without links, images and markup."""
    return " ".join(_MARKUP.sub(" ", _LINK.sub(r"\1", _LINK.sub(r"\1", text))).split())


def is_of_part(said: str) -> bool:
    """Whether a sentence speaks of a part, or of what others made, by its subject."""
    return _subject(said, None) != WHOLE


_FILLING: Final = frozenset(
    ["the", "a", "license", "licence", "licenses", "licensed", "under", "see", "file", "for", "details", "new", "revised",
     "simplified", "modified", "clause", "open", "source", "software", "terms", "of", "in", "text", "full", "version", "copying", "more", "info"]
)  # fmt: skip


def named_alone(value: str) -> str | None:
    """The expression of a short statement that has names of licences, and nothing but filling words."""
    said = words(value)
    found = groups(said)
    rest = said
    for mention in reversed(mentions(said)):
        rest = f"{rest[: mention.start]} {rest[mention.end :]}"
    left = set(re.findall(r"[a-z0-9]+", rest)) - _FILLING - {"or", "and", "md", "txt"}
    if left or limits(said) or not found or any(group.role != WHOLE for group in found):
        return None
    return conjunction(tuple(sorted({group.expression for group in found})))


def title_words(text: str) -> frozenset[str]:
    """Words of a title that may name the project."""
    return frozenset(re.findall(r"[a-z0-9]{2,}", text.lower())) - _COMMON


_COMMON: Final = frozenset(
    ["the", "an", "of", "for", "and", "to", "in", "is", "readme", "with", "by"]
)
