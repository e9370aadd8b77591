"""What a sentence of a licence file is that no listed text has: harmless, or a word that takes back.

In: one sentence (or title, or item of a list), its words, and which licences the file's texts are.
Out: its kind, one of HARMLESS, RIDERS, `statement` or `unexplained`.
Always holds: a sentence that obliges, forbids, limits, permits, prices or names a field of use is
harmless only as a kind that is known by its grammar: a warranty, a trademark, keeping of notices, a
pointer, a part's licence, the introduction of the text, a request, thanks. Any other is `unexplained`.
What has no norm is `prose` only if its words are known (`_KNOWN`: provenance, parts, places of terms) or
names: a sentence on any other subject is `unexplained`.

The vocabulary of norms is: modal verbs, negations, conditions, acts on a work, money, and the
purposes and people that licences are known to single out. Both are closed; names are not.
"""

from __future__ import annotations

import functools
import re
from typing import Final, NamedTuple


class Unit(NamedTuple):
    """A sentence: its words (lower case, one space between), its bytes as they stand, and of the words
    how many begin with a capital, are addresses or numbers, have letters beyond ASCII; its
    words without a capital; whether it is a sentence of its own.
    """

    words: str
    raw: str
    size: int
    capitals: int
    addresses: int
    foreign: int
    small: str
    whole: bool


HARMLESS: Final = frozenset(
    [
        "copyright",
        "names",
        "title",
        "prose",
        "warranty",
        "endorsement",
        "notice",
        "pointer",
        "part",
        "introduction",
        "request",
        "wish",
        "thanks",
        "contribution",
        "contact",
        "grant",
        "frame",
        "translation",
        "history",
        "export",
        "output",
        "funding",
        "waiver",
        "exception",
    ]
)
RIDERS: Final = {
    # kind -> LicenseRef (or id) that it is known by; None: none is known.
    "commons-clause": "LicenseRef-scancode-commons-clause",
    "proprietary": "LicenseRef-scancode-proprietary-license",
    "non-commercial": None,
    "no-training": None,
    "no-competition": None,
    "field-of-use": None,
    "ethics": None,
    "company-size": None,
    "fee": None,
    "modified": None,
    "additional-terms": None,
}
"""Kinds of words that take back what a text gives."""


def _words(text: str) -> str:
    """A pattern of any of some words, or of phrases with `_` for a space."""
    return r"\b(?:" + "|".join(text.split()).replace("_", " ") + r")\b"


_OBLIGE: Final = _words(
    r"must shall should have_to has_to needs? needed requires? required requirements? requiring obligat\w+ oblig\w+"
    r" mandatory agree\w* accept\w* comply\w* compl(?:y|ies|iance) consent\w* approv\w+ bound binding refrain\w* undertake\w*"
    r" muss müssen doit doivent debe deben deve devono devem moet должен"
)
_NEGATE: Final = _words(
    r"not no never nor neither none nobody nothing nowhere noone without cannot cant dont doesnt wont isnt arent mustnt shouldnt mayn?t"
    r" non un(?:less|lawful) except\w* exclu\w+ exempt\w* only sole(?:ly)? exclusive(?:ly)? but however although notwithstanding"
    r" otherwise instead rather save aside barring other_than limit(?:s|ed|ing|ation|ations)? restrict\w* prohibit\w* forbid\w*"
    r" ban(?:s|ned)? bars? barred disallow\w* den(?:y|ies|ied) refus\w+ revok\w+ revoc\w+ terminat\w+ withdr\w+ withh\w+ prevent\w*"
    r" void(?:s|ed)? expir\w+ off stop\w* cease\w* avoid\w* hands? keep_(?:away|out|off) stay_(?:away|out|off) beyond outside illegal"
    r" strictly merely just unauthori[sz]ed opt_out remov\w+ omit\w* reserv\w+ retain\w* fail\w* breach\w* violat\w+ punish\w* sue\w* infring\w+"
    r" nicht nur kein\w* verboten untersagt ausschließlich ohne interdit\w* uniquement seulement sauf sans aucun\w* prohibid\w+ únicamente"
    r" solo sólo sin excepto salvo vietat\w+ soltanto esclusivamente senza proibid\w+ somente apenas sem não niet alleen verboden geen"
    r" tylko zakaz\w* nie bez только запрещ\w+ не без"
)
_CONDITION: Final = _words(
    r"if unless when whenever where(?:ver)? whoever whosoever whatever until provided_that provided_you conditions? conditional\w*"
    r" subject as_long_as so_long_as in_case once anyone any_person anybody everybody everyone who"
)
_ACT: Final = _words(
    r"use uses used using usage user users uso reuse\w* cop(?:y|ies|ied|ying) modif(?:y|ies|ying|ication|ications) (?:re)?distribut(?:e|es|ed|ing) redistribution sublicens\w+"
    r" licens(?:e|es|ed|ing|ee|ees|or|ors|able) sell\w* sold sale sales resell\w* resale rent\w* lease\w* lend\w* deploy\w* host(?:s|ed|ing)? run(?:s|ning)?"
    r" train(?:s|ed|ing)? scrap(?:e|ed|es|ing) ingest\w* crawl\w* mined mining feed(?:s|ing)? fed offer\w* publish\w* shar(?:e|es|ed|ing) perform\w*"
    r" execut\w+ compil(?:e|es|ing) embed\w* incorporat\w+ integrat\w+ exploit\w* benefit\w* moneti[sz]\w+ charg(?:e|es|ed|ing) install\w* link(?:s|ed|ing)? display\w*"
    r" provid(?:e|es|ing) reproduc\w+ transfer\w* assign\w* combin\w+ consum\w+ employ market\w* advertis\w*"
    r" take takes taken taking fork\w* clon\w+ export\w* belong\w* keep\w* kept permi\w+ allow\w* grant\w* rights? entitle\w* authori[sz]\w+ may can could free freely"
)
_MONEY: Final = _words(
    r"pay\w* paid fees? royalt\w+ prices? pric\w+ purchas\w+ buy\w* bought subscri\w+ revenues? turnover incomes? million billion earn\w* budget\w* cost\w* customers? clients? invoice\w* seats?"
)
_STRONG: Final = _words(
    r"(?:non)?commerc\w* komm?erz\w* gewerb\w* comerc\w* noncommercial\w* nc proprietary confidential\w* secret\w* evaluation trial"
    r" personal\w* private\w* privat\w* internal\w* hobby\w* nonprofits? profits? profitable for_profit competit\w+ compet(?:e|es|ed|ing) competitor\w* rival\w*"
    r" weapon\w* militar\w+ milit\w+ arm(?:y|ies) armed warfare wars? surveill\w* spy\w* nuclear tortur\w+ genocid\w+ gambling tobacco porn\w* fossil evil"
    r" ethic\w* moral\w* human_rights harm\w* discriminat\w+ hate hatred racis\w+ fascis\w+ oppress\w+ boycott\w* sanction\w* embargo\w*"
    r" dataset\w* data_sets? corpora corpus llms? neural generative gpt saas paid as_a_service as_service source_available"
    r" 商业 商用 商業 коммерч\w* 상업"
)
_WEAK: Final = _words(
    r"academi\w* educat\w* research\w* scien\w* student\w* teach\w* school\w* universit\w+ enterprise\w* business\w* corporat\w+ compan(?:y|ies) firms? industr\w+ organi[sz]ations?"
    r" government\w* defen[cs]e police agenc(?:y|ies) law enforcement intelligence artificial ai ml machine learn\w* models? countr(?:y|ies) nation\w* citizen\w*"
    r" territor\w+ regions? cloud services? blockchain crypto\w* nfts? tokens? employees? staff people persons? individual\w* good bad oil banks? insur\w+ medical\w*"
    r" home homes vehicles? cars? political\w* religio\w+ church\w*"
)
_MODIFIED: Final = _words(
    r"modified amend\w* addend\w* addition\w* supplement\w* supersed\w* overrid\w* replac\w* alter\w* variant custom\w* rider special extra differs? differed deviat\w+ unlike variation adapt\w* chang(?:e|es|ed|ing) extend\w* plus also"
)
_TITLE_WORDS: Final = _words(
    r"licen[sc]e licen[sc]es licen[sc]ing copyright copying notice notices text terms agreement legal software documentation mit expat x11 isc bsd apache"
    r" mozilla gnu gpl lgpl general public clause version the simplified new revised boost zlib unlicense cc0 style old variant free open source"
)

_NORMS: Final = {
    "oblige": re.compile(_OBLIGE),
    "negate": re.compile(_NEGATE),
    "condition": re.compile(_CONDITION),
    "act": re.compile(_ACT),
    "money": re.compile(_MONEY),
    "strong": re.compile(_STRONG),
    "weak": re.compile(_WEAK),
    "modified": re.compile(_MODIFIED),
}
_WHATEVER: Final = re.compile(
    r"all rights? (?:are )?reserved|some rights reserved|free software|open source|public domain|used with permission|(?:no )?rights reserved"
    r"|free of charge|and other contributors|or other|among others|and others|for (?:your )?(?:information|reference|convenience) only"
    r"|(?:3 clause |three clause |or |the )?(?:or )?modified bsd|commonly known as|(?:at|for) (?:absolutely )?no (?:additional )?(?:cost|charge)"
    r"|most but not all|licen[sc]e agreements?|under (?:agreement|contract|grant)s?(?: number| no| \w+)?|for use (?:as follows|under)|use the following"
    r"|(?:as )?(?:their|whose) (?:own )?(?:terms|licen[sc]es) (?:may|might|can) differ(?: from (?:the terms|those) above)?"
    r"|^optional exceptions?(?: to the licen[sc]e)?$"
)


def norms(words: str) -> frozenset[str]:
    """Classes of the vocabulary that a sentence has words of."""
    plain = _WHATEVER.sub(" ", words)
    return frozenset(name for name, pattern in _NORMS.items() if pattern.search(plain))


_ENGLISH: Final = re.compile(
    _words(
        r"the of is by and in for to this with from are was were on at as an it its that which their be been has have had all or you we our"
        r" author authors file files"
    )
)
_NOTICE_MARK: Final = re.compile(
    r"^(?:portions |parts |some parts |code |original |contents? |and |additional )*(?:are )?(?:copyright|copr|©|all rights reserved|\(c\))"
)
_NAME_LINK: Final = re.compile(
    r"^(?:and|of|the|by|for|at|de|der|van|von|la|le|du|et|al|und|in|on|with|to|from|an|&|inc|llc|ltd|gmbh|com|org|net|io|year|years|name|holder|holders"
    r"|written|created|developed|maintained|designed|implemented|authors?|contributors?|maintainers?|developers?|copyright|others|see|list|present|now|email|mailto|path|www|http|https)$"
)


def _name_like(unit: Unit) -> bool:
    """Only names, addresses, years and the small words between them."""
    small = unit.size - unit.capitals - unit.addresses
    links = sum(_NAME_LINK.match(word) is not None for word in unit.words.split())
    return small <= links


_NEUTRAL: Final = re.compile(
    _words(
        r"the and of or to in on at by for with as is are this that it its all above below following well"
        r" including software program library file files code source package work documentation notice"
        r" license path copyright text version holders? authors? contributors?"
    )
)


def kind(unit: Unit, named: bool) -> str:
    """Kind of a sentence; `named`: whether it names no licence beyond those whose texts are there."""
    return _kind(unit, named)


@functools.lru_cache(maxsize=1 << 14)
def _kind(unit: Unit, named: bool) -> str:
    words = unit.words
    if not words or unit.size == unit.addresses:
        return "names"
    if all(_NEUTRAL.fullmatch(word) for word in words.split()):
        return "prose"
    if "commons clause" in words:
        return "commons-clause"
    if _RETITLED.search(words):
        return "modified"
    if _ADDS_TERMS.search(words) or _FILE_OF_TERMS.search(unit.raw):
        return "additional-terms"
    if unit.size > _SENTENCE_WORDS_MAX:
        return "names" if _name_like(unit) else "unexplained"
    found = norms(words)
    if unit.whole:
        known = _by_grammar(unit, words, found, named)
        if known is not None:
            return known
    if _is_foreign(unit):
        return "foreign"
    rider = rider_kind(words)
    if rider is not None:
        return rider
    if _IMPERATIVE.match(words):
        return "unexplained"
    if found - {"modified"} or (found and _OF_TERMS.search(words) is not None):
        return "unexplained"
    return "prose" if _is_prose(unit) else "unexplained"


_SUBJECT: Final = re.compile(
    _words(
        r"is was has uses used? includes contains bundles consists comes originates? originally derives by and or software projects? library program package module code licen[sc]e"
        r" licen[sc]ing team developers contributors authors copyright version path"
    )
)
"""What follows the first word of a sentence if that word is a name."""
_KNOWN: Final = re.compile(
    _words(
        # small words
        r"the an? of to in into on onto at by for from with within as is are was were be been being am this that these those it its it_s their his her he she they them"
        r" which and or both all each every any some most many much more several various other others another same own following follows below above here there herein hereby thereof"
        r" thus then than via per about between among along together during since after now currently today originally initially formerly previously partially partly largely mainly"
        r" mostly entirely wholly typically generally usually sometimes often especially particularly further furthermore finally first second third last next one two three four five"
        r" zero new old own well e g i etc aka ie eg vs st nd rd th has had have having do does did so such up out over back through like"
        r" very whole entire full complete main further corresponding respective various different individual certain specific separate sole? located according based due"
        # what software is made of
        r" softwares? programs? librar(?:y|ies) code codes codebase sources? packages? modules? projects? works? products? components? parts? portions? pieces? files? filenames? director(?:y|ies) subdirector(?:y|ies) folders?"
        r" exact optional exception recommend node differ"
        r" documents? documentation docs? manuals? guides? readme copying notices? headers? texts? lists? tables? changelogs? changes history faqs? todo website websites sites? homepages? pages? web www http https url urls links? repositor(?:y|ies) git github gitlab"
        r" svn cvs mirrors? archives? tarballs? releases? versions? revisions? branch(?:es)? trunk upstream downstream implementations? algorithms? functions? routines? class(?:es)? methods? macros? scripts? tools? toolkits? frameworks? utilit(?:y|ies)"
        r" applications? apps? engines? bindings? wrappers? drivers? plugins? plug_ins? extensions? addons? interfaces? api apis compilers? runtimes? interpreters? parsers? generators? fonts? icons? images? pictures? logos? artwork assets? graphics sounds? data database"
        r" databases sets? tests? examples? samples? templates? stylesheets? css snippets? fragments? sections? appendix chapters? paragraphs? lines? comments? definitions? declarations? types? objects? binar(?:y|ies) executables? builds? build configure makefiles? makefile"
        r" autoconf automake cmake gnu linux windows unix macos java javascript python perl ruby rust go php lua haskell ocaml scala c jquery json xml html yaml svg png jpeg formats? standards? specifications? reference references? systems? platforms? languages? localization"
        r" internals? general purpose generic small fast simple portable light lightweight tiny quick rich reader readers writer writers bytecode manipulation testing interchange conversion communication support timer thread threads memory string strings hash tree parsing compression decompression"
        r" dependenc(?:y|ies) submodules? subprojects? vendor vendored third party parties 3rd externally bundled shipped supplied embedded maintained inclusion original originals authored upstream's"
        # where terms stand
        r" licen[sc]\w* sublicen[sc]\w* copyright\w* terms agreement legal statements? disclaimers? attribution permissive compatible? style apache mit bsd isc expat zlib boost gpl lgpl agpl mpl gplv2 gplv3 lgplv2 lgplv3 psf ofl sil cc by sa clause clauses public domain open free spdx identifier identifiers"
        r" distributed distribution distributions distributable redistributable released available provided published offered covered governed appl(?:y|ies) applicable applied bears? bear carr(?:y|ies) reproduced stated found listed given described detailed details documented mentioned indicated noted"
        r" contained see refer read consult look check visit information informations info obtain obtained obtainable copy copies receive received known called named dual dually under hold holds held by_default default defaults short"
        # who wrote what, and when
        r" authors? author_s co coauthors? holders? owners? creators? contributors? contributor maintainers? developers? team teams members? community committers? translators? translations? translated people persons? individuals? organi[sz]ations? institutions? institutes? compan(?:y|ies) universit(?:y|ies) foundation"
        r" laborator(?:y|ies) group groups department school college faculty affiliates? students? friends? employees? wrote written writing created creating developed developing development designed design implemented implementing made make makes by founded started begun began maintained maintaining maintenance"
        r" ported porting port forked fork forks rewritten rewrites? based derived derives deriving derivation originat\w+ taken borrowed adapted adaptation inspired influenced contributed contributes? contributions? contributing contribution additions? additional modified modifications? changed updates? updated improved improvements?"
        r" extended merged moved renamed continued continues transferred generated produced output collaboration cooperation courtesy sponsored sponsorship sponsors? funded funding grants? behalf voluntary numerous active actively year years month months day date dates january february march april may june july august september october"
        r" november december consists? contains? containing includes? including included incorporat\w+ comprises? comprising uses? using used made_up compiled collected assembled requires? needs? needed"
        # thanks, questions, wishes
        r" thanks? thank thankful grateful gratefully acknowledg\w+ credits? credit kudos appreciat\w+ welcome please kindly help helps helped helping helpful hints? ideas? suggestions? advice patches patch fixes bugs? bug reports? report reporting reported issues? issue feedback questions? question comments contact email e_mail mail mails"
        r" address addresses reach write send pull requests? request submit submitted we you your our if_you cite citing citation cited article articles papers? paper publications? publication book journal research scientific consider hope useful interested interest everybody everyone"
        r" who whom whose amongst still whereas start begin top bottom end wish wishes choose input owner owners owned absolutely absolute academic purposes? both rights seems? means? either random forms? itself standalone number generating commonly sent send bundl\w+ options? anything everything whatever what else outside residing contents? mentioned defined excluding excluded hold lib src img node bin dot org com net de von van der la le du dispatch parallel list special particular particularly support supporting supported work working works effort efforts time"
    )
)
"""Words by which it is said where terms stand, what the work is made of, who made it, and thanks:
a sentence of a harmless kind has these, names, and the words of norms that its kind allows. It was written
for these subjects, and completed on 555 licence files of Debian packages."""


def _plain_words(unit: Unit) -> list[str]:
    """Words of a sentence that are no names: names have a capital or a digit, or are a first word (but
    for an article) that a singular verb or `licence` follows; the first word's capital says nothing.
    """
    words, small = unit.words.split(), unit.small.split()
    told: list[tuple[int, str]] = []
    at, capitals = 0, set()
    for place, word in enumerate(words):
        if at < len(small) and small[at] == word:
            at += 1
            told.append((place, word))
        else:
            capitals.add(place)
    if len(words) > 1 and 0 in capitals and 1 not in capitals:
        told.append((0, words[0]))
    told = [(place, word) for place, word in told if word not in _identifiers(unit.raw)]
    subject = 1 if words[0] in {"the", "this"} else 0
    if len(words) > subject + 1 and _SUBJECT.fullmatch(words[subject + 1]):
        told = [(place, word) for place, word in told if place != subject]
    return [word for _, word in told if not any(map(str.isdigit, word))]


_IDENTIFIER: Final = re.compile(
    r"[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+|\w+ at \w+ dot \w+|[\"'`][\w./-]{1,40}[\"'`]"
)


def _identifiers(raw: str) -> frozenset[str]:
    """Parts of identifiers, of quoted names, and of addresses that are spelt out, in lower case."""
    found = _IDENTIFIER.findall(raw)
    return frozenset(re.findall("[a-z0-9]+", " ".join(found).lower()))


def _unknown_words(unit: Unit) -> list[str]:
    """Words of a sentence that are neither known, nor names, nor norms (which the kind judges)."""
    return [
        word
        for word in _plain_words(unit)
        if word != "path" and _KNOWN.fullmatch(word) is None and not norms(word) - {"weak"}
    ]


_ALSO_KNOWN: Final = {
    "request": frozenset({"us"}),
    "contact": frozenset({"us"}),
    "wish": frozenset(["intention", "desire", "all", "spin", "offs", "back", "into", "tree"]),
}
_OF_A_NAME: Final = re.compile(
    r"(?:\b(?:of|from|on|by|the) |^){}(?: (?:which|and|or|is|was|by|for|library|project|are|at|bears?|located|that|in|with|originating)\b|$)"
)
"""Where the name of a program stands that is written without a capital."""


def _tells_known_things(unit: Unit, name: str) -> bool:
    """Whether all words are known, but for one name of a program in a sentence on a part of the work."""
    unknown = set(_unknown_words(unit)) - _ALSO_KNOWN.get(name, frozenset())
    if name in {"part", "history", "introduction"} and len(unknown) == 1:
        (word,) = unknown
        return re.search(_OF_A_NAME.pattern.format(re.escape(word)), unit.words) is not None
    return not unknown


def _is_prose(unit: Unit) -> bool:
    """Whether a sentence without a norm is on a harmless subject: what is not known is not."""
    words = unit.words.split()
    if len(words) == 1 or not _unknown_words(unit) or _VERSION.fullmatch(unit.words):
        return True
    return _DESCRIBES.search(unit.raw) is not None


_LISTS_PARTS: Final = re.compile(
    r"\b(?:librar(?:y|ies)|components?|projects?|packages?|modules?|dependenc(?:y|ies)|files?|fonts?|icons?)$"
    r"|\b(?:following|these|other|third part(?:y|ies)) (?:\w+ ){0,3}(?:librar(?:y|ies)|components?|projects?|packages?|modules?|dependenc(?:y|ies))\b"
)
_ITEM: Final = re.compile(r"(?:^|\n)[ \t]*(?:[*+-]|\d{1,3}[.)])[ \t]+\S")
_ITEM_WORDS_MAX: Final = 3
"""Words of the name of a component in a list of them."""


def lists_parts(unit: Unit) -> bool:
    """Whether a sentence on a part of the work is followed by a list of such parts."""
    return _LISTS_PARTS.search(unit.words) is not None


def is_part_in_list(unit: Unit) -> bool:
    """Whether an item is no more than the name of a component: nothing is said of it."""
    return (
        unit.size <= _ITEM_WORDS_MAX
        and _ITEM.search(unit.raw) is not None
        and not norms(unit.words) - {"act", "modified", "weak"}
        and rider_kind(unit.words) is None
        and _IMPERATIVE.match(unit.words) is None
    )


_VERSION: Final = re.compile(r"\w+(?: \w+)? version")
_DESCRIBES: Final = re.compile(
    r"(?is)(?:^|\n)[ \t*#=]*(?:[\w.+/-]{1,40} ?){1,4}(?::|\s--?-?|\s?[\u2013\u2014])\s+(?:[\w+/-]{1,40}[ \n]){0,8}?"
    r"(?:librar(?:y|ies)|frameworks?|toolkits?|tools?|formats?|modules?|packages?|parsers?|engines?|bindings?|drivers?|compilers?|programs?|utilit(?:y|ies)|conver(?:sion|ter)s?|scripts?)\b"
)
"""A name, a colon or dash, and what kind of software it is."""


def _is_foreign(unit: Unit) -> bool:
    """Not English: words of other letters, or several small words of which none is English."""
    if 3 * unit.foreign >= unit.size:
        return True
    small = unit.size - unit.capitals - unit.addresses
    return small >= _SMALL_WORDS and _ENGLISH.search(unit.words) is None


_RETITLED: Final = re.compile(
    r"\b(?:modified|amended|altered|customi[sz]ed|custom|adapted|extended)(?! bsd| or new| version of this (?:software|library|program))"
    r"(?: version| form| variant| copy| text)?(?: of)?(?: the| an)?(?: \w+){0,2}? (?:licen[sc]e|mit|apache|bsd|isc|expat|boost|zlib)\b"
    r"|\b(?:derived|adapted|based|variant|variation|edition|flavou?r|rewrite) (?:from|on|of) (?:the |an )?(?:mit|apache|bsd|isc|expat|boost|zlib)\b"
    r"|\b(?:mit|apache|bsd|isc|expat|boost|zlib) (?:licen[sc]e )?(?:derived|based|derivative|inspired)\b"
)
"""A listed licence that is said to be changed."""
_ADDS_TERMS: Final = re.compile(
    r"\b(?:additional|further|extra|special|supplementa\w+|more)\b(?: \w+){0,2} (?:terms?|conditions?|restrictions?|clauses?|limitations?|provisions?)\b"
    r"|\bpart of (?:this|the|our|your) (?:licen[sc]e|terms|agreement)\b|\bon top of (?:this|the|its|our) (?:licen[sc]e|terms)\b|\beula\b|\bend user"
)
_FILE_OF_TERMS: Final = re.compile(
    r"(?i)\b(?:\w+[-_])*(?:eula|addendum|restrictions?|terms|rider)\.\w{2,4}\b"
)
"""What else holds, and files that by their names say it."""
_IMPERATIVE: Final = re.compile(
    r"(?:(?:so|then|also|always|just|or) )*(?:donate|delete|send|tell|ask|give|pay|let|ensure|register|sign|get|obtain|buy|put|add|show|mention|credit|name|link|inform"
    r"|notify|return|respect|follow|observe|remember|destroy|erase|uninstall|join|star|become|be|make|do|go|write|call|wait|talk|turn|leave|apply|request|consult us)\b"
)
"""How a sentence begins that tells the reader to act."""
_OF_TERMS: Final = re.compile(
    _words(
        "licen[sc]\\w* terms? clauses? sections? paragraphs? conditions? permi\\w+ mit apache bsd isc expat gnu gpl mpl zlib apply applies"
    )
)
"""What must be changed for a change to count: files and names that changed are history."""
_SENTENCE_WORDS_MAX: Final = 300
"""Words of a sentence that is read; the longest of the listed texts has 270."""
_SMALL_WORDS: Final = 5
"""Small words from which a sentence without an English one is in another language: four and fewer are
what titles and subtitles have."""
_CERTAIN: Final = frozenset({"oblige", "negate", "condition", "act", "money", "strong", "modified"})


def _by_grammar(unit: Unit, words: str, found: frozenset[str], named: bool) -> str | None:
    hard = found & _CERTAIN
    notice = _NOTICE_MARK.match(words) or unit.raw.lstrip(" \t*#/-.>").startswith(
        ("©", "(c)", "(C)")
    )
    if notice and _names_holders(unit, found):
        return "copyright"
    if _DATE.fullmatch(words):
        return "names"
    if unit.size <= _TITLE_WORDS_MAX and _is_retitled(unit):
        return "modified"
    if not hard and _name_like(unit):
        return "names"
    if unit.size <= _TITLE_WORDS_MAX and _is_title(unit, found):
        return "title"
    for name, pattern, banned in _GRAMMAR:
        if (
            pattern.search(words)
            and not (found & banned)
            and _allowed(name, words, named)
            and (name in _OPEN or _tells_known_things(unit, name))
        ):
            return name
    return None


_NEVER_NAMES: Final = re.compile(
    _words(r"(?:non)?commerc\w* proprietary confidential\w* evaluation trial training nc")
)


def _names_holders(unit: Unit, found: frozenset[str]) -> bool:
    """Whether a notice has no norm; acts, purposes and people may be parts of a holder's name."""
    if found & {"oblige", "negate", "condition", "money", "modified"}:
        return False
    small = norms(unit.small)
    return (
        not small & _CERTAIN
        and _NEVER_NAMES.search(unit.words) is None
        and ("weak" not in small or _name_like(unit))
    )


_TITLE_WORDS_MAX: Final = 12
_DATE: Final = re.compile(
    r"(?:(?:last|changed?|updated?|modified|revised|revision|version|date|dated|effective|released?|as|of|on|at|th|st|nd|rd|v|utc|gmt"
    r"|jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
    r"|mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)\b ?)+"
)
_TITLE_WORD: Final = re.compile(_TITLE_WORDS)
_APPLIES: Final = re.compile(r"\bappl(?:y|ies)\b")
_TITLE_CORE: Final = re.compile(
    _words(
        r"licen[sc]es? licen[sc]ing copying copyright notices? terms agreement legal readme disclaimer mit expat isc bsd apache zlib boost unlicense"
    )
)
_IN_TITLES: Final = re.compile(
    r"free software license|open source license|free license|general public|license agreement|public license|license for|redistributable"
    r"|modified bsd|permission notice|new or revised|new or modified|simplified or|permissive license|style license|open software license"
    r"|\blicen[sc](?:e|es|ed|ing|or)\b|\bfree\b|\bopen\b|\blicensed under\b|\bsoftware\b|\bcopy(?:ing)?\b"
)


_BEFORE_A_LISTED: Final = re.compile(
    r"(\w+) (?:mit|bsd|apache|isc|expat|zlib|boost|unlicense)(?: |$)(?!software|foundation|laborator|lab|media|press|group|project|org|contributors|developers|authors)"
)
_LINKS_LISTED: Final = re.compile(
    _words(
        "the is are under has have uses bears carries and or of a an see for by with to dual code via clause style new revised modified simplified this path licen[sc](?:e|es|ed|ing) version from at in on standard"
        " original both either terms free open berkeley classic files gpl lgpl agpl bsd mit apache isc spdx identifier copyright readme copying documentation"
    )
)


def _is_retitled(unit: Unit) -> bool:
    """Whether a title puts a word of its own straight before a listed licence's: `Almost MIT`."""
    before = _BEFORE_A_LISTED.search(unit.words)
    return (
        before is not None
        and _LINKS_LISTED.fullmatch(before[1]) is None
        and not any(map(str.isdigit, before[1]))
    )


def _is_title(unit: Unit, found: frozenset[str]) -> bool:
    """Words that titles of licences are made of, and names."""
    words = unit.words
    plain = sum(
        _TITLE_WORD.fullmatch(word) is None and _NAME_LINK.match(word) is None
        for word in words.split()
    )
    if plain > unit.capitals or _APPLIES.search(words):
        return False
    rest = norms(_IN_TITLES.sub(" ", words))
    return (
        _TITLE_CORE.search(words) is not None and not rest - {"weak"} and not (found & {"oblige"})
    )


_TERMS: Final = frozenset({"strong", "money"})
_GRAMMAR: Final[tuple[tuple[str, re.Pattern[str], frozenset[str]], ...]] = (
    ("frame", re.compile(r"^(?:end (?:of )?(?:the )?(?:terms|license|licence|legal|copyright|text)|begin (?:of )?(?:the )?(?:license|licence|text)|terms and conditions|conditions|appendix|preamble|definitions|disclaimer|permissions?|limitations?|grant|here is|as follows|summary|licen[sc]e text)\b[^.]{0,60}$"), _TERMS | {"oblige", "condition", "weak"}),
    ("warranty", re.compile(r"warrant\w*|liab(?:le|ility|ilities)|\bas is\b|own risk|responsib\w+|guarant\w+|damages|merchantability|disclaim\w*|fit(?:ness)? for"), _TERMS),
    ("endorsement", re.compile(r"trademark\w*|trade mark\w*|trade names?|service marks?|endors\w+|promot\w+|brand\w*|\blogos?\b|\bname of\b|\bnames of\b|\bnot (?:cover|extend to|include|apply to) (?:the |our |its )?(?:names?|logos?)\b"), _TERMS),
    ("notice", re.compile(r"(?:retain\w*|includ\w+|keep|kept|reproduc\w+|preserv\w*|remain\w*|accompan\w+|appear\w*|remov\w+|alter\w*)\b.*\b(?:notices?|header|this text|this file|disclaimer|copyright|above statement|list of conditions)\b|\b(?:notices?|header|this text|this file|disclaimer|copyright statement)\b.*\b(?:retain\w*|includ\w+|keep|kept|reproduc\w+|preserv\w*|remain\w*|accompan\w+|appear\w*|remov\w+|alter\w*)\b"), _TERMS),
    ("request", re.compile(r"\bplease\b|\bkindly\b|appreciat\w+|encourag\w+|would (?:like|love|be nice|be great)|we (?:hope|ask)|\bconsider\b|welcome|\binvited\b|recommend\w*|\bcite\b|\bciting\b|\bcitation\b"), _TERMS | {"oblige", "negate"}),
    ("contribution", re.compile(r"\b(?:contribut(?:e|ing|ions?)|pull requests?|patches|submi\w+)\b.*\b(?:licens\w+|licenc\w+|same|terms|agree\w*|under)\b"), _TERMS),
    ("wish", re.compile(r"\b(?:is|was) (?:\w+ )?(?:intention|hope|wish|desire)\b|\b(?:we|i) (?:hope|wish|intend)\b"), frozenset({"oblige", "negate", "condition", "money", "modified"})),
    ("history", re.compile(r"\b(?:contribution|revision|version|commit|change) history\b|\bconsists of (?:voluntary )?contributions\b"), frozenset({"oblige", "negate", "condition", "money", "strong"})),
    ("waiver", re.compile(r"^(?:copyright|rights?)\b.*\bwaived (?:via|under|by|through) (?:the )?cc0\b|^sample code is defined as\b"), frozenset({"oblige", "negate", "condition", "money", "strong"})),
    ("exception", re.compile(r"^as an exception\b.*\byou may (?:re)?distribute\b.*\bwithout (?:including|reproducing|retaining)\b.*\bnotices?$"), frozenset({"oblige", "money", "strong", "modified"})),
    ("thanks", re.compile(r"\bthanks?\b|\bthankful\b|\bcredits?\b|acknowledg\w*|\binspired\b|grateful|courtesy|kudos|\bin memory\b"), _TERMS | {"oblige", "negate"}),
    ("pointer", re.compile(r"\b(?:see|refer|consult|read|found|available|located|visit|described|details|information|listed|contained|given|obtained?|received|stated|specified|detailed|provided|documented|shipped|included|reproduced|full text|check)\b.*\b(?:files?|licen[sc]es?|copying|notices?|readme|authors|credits|www|http|https|website|txt|md|director(?:y|ies)|folders?|copyright|below|above|documentation|list|changelog|homepage|page|repository|source|headers?|history|path)\b"), _TERMS | {"oblige", "weak"}),
    ("part", re.compile(r"third part(?:y|ies)|3rd part(?:y|ies)|\bbundl\w+|vendor\w*|\bembedded\b|\bincludes?\b|\bincluded\b|\bcontains?\b|incorporat\w+|\bdepend\w*|deriv\w+|\bbased (?:up)?on\b|\bportions?\b|\bparts?\b|code from|externally maintained|librar\w+ used (?:by|in)|following (?:files?|code|librar\w+|class\w*|components?|parts?|modules?)\b|borrow\w*|taken from|adapted|\bported\b|originally|\bshipped? with|\bsome (?:files|code)|\buses\b|\bfrom the\b|\b(?:files?|code|contents?|director(?:y|ies)|folders?|subdirector\w+|images?|icons?|fonts?|documentation|docs|logos?|artwork|assets|examples?|tests?|headers?|scripts?|modules?|packages?|components?|librar(?:y|ies)|submodules?|dependenc\w+)\b.*\b(?:licen[sc]\w+|copyright\w*|under|terms|public domain)\b"), _TERMS | {"oblige"}),
    ("introduction", re.compile(r"licen[sc]ed|released|distributed|\bavailable\b|provided|published|\boffered\b|\bcovered\b|governed|\bfree software\b|\bopen source\b|\bpublic domain\b|\blicen[sc]e\b.*\b(?:appl\w+|below|following|follows|reads?|is)\b|\b(?:under|by) the\b|\bfollowing\b|\b(?:this|the) (?:software|project|package|library|program|code|work|module|repository)\b.*\blicen[sc]e\b|this is (?:a|the) (?:copy|text)|\blicen[sc]e\b|\bspdx\b"), _TERMS | {"modified", "oblige"}),
    ("contact", re.compile(r"\bcontact\b|\bmail\b|\bemail\b|write to|\bquestions?\b|\baddress\b|\breach\b"), _TERMS | {"oblige", "negate", "act"}),
    ("grant", re.compile(r"\b(?:may|can|free|freely|permi\w+|allow\w*|welcome)\b.*\b(?:used?|copy|copied|modify|modified|distributed?|do)\b"), frozenset({"oblige", "money", "modified"})),
    ("export", re.compile(r"\b(?:export|transfer)\b.*\b(?:laws?|regulations?|controls?|governments?)\b|\bcryptograph\w+"), _TERMS - {"strong"}),
    ("funding", re.compile(r"\bsponsor\w*|\bfund(?:ed|ing)\b|\bsupported (?:in part )?by\b|\bfinanced\b"), frozenset({"oblige", "negate", "condition", "strong"})),
    ("output", re.compile(r"\b(?:generated|output of|produced) (?:by|code|files?|with)?\b.*\b(?:own\w*|belong\w*|covered|licen[sc]\w+)\b|\b(?:requires?|needs?) (?:an? |the )?(?:\w+ ){0,3}(?:librar\w+|compiler|runtime|interpreter)\b"), _TERMS),
    ("names", re.compile(r"\b(?:following|these|among|list of)\b.*\b(?:individuals|people|persons|contributors|authors|developers|companies|organi[sz]ations|institutions)\b"), frozenset({"oblige", "negate", "condition", "act", "money", "strong", "modified"})),
    ("history", re.compile(r"\b(?:was|were|has been|have been|had been)\b.*\b(?:written|created|developed|founded|started|released|maintained|ported|forked|rewritten|derived|contributed|moved|renamed|transferred|continued)\b"), frozenset({"oblige", "negate", "condition", "money", "strong"})),
)  # fmt: skip

_OPEN: Final = frozenset(
    {"warranty", "endorsement", "notice", "export", "names", "waiver", "exception"}
)
"""Kinds whose subject may be told in any words: their own words and guards are close enough."""
_NO_NORM: Final = frozenset({"introduction", "part", "pointer"})
"""Kinds that say where terms stand or whose they are: one more norm in the sentence is a term."""
_MAY_STAND: Final = re.compile(
    r"\boutside (?:of )?(?:the |these |those )?(?:above|path|folders?|director\w+)\b|\bshould have received\b|\bnot (?:covered|part of|affected)\b|\bas long as it\b|\bnone of which\b|\bif not\b|\bif you (?:want|need|are looking)\b|\bwhich are not\b"
    r"|\bthat are not\b|\bis not standalone\b|\bchang(?:e|es|ed|ing)\b|\boriginal(?:ly)?\b|\badapted\b|\bplus\b|\balso\b|\bmodified\b|\bbut\b|\bhowever\b|\bonce\b|\bremov\w+"
    r"|\boutside (?:of )?(?:the |these |those )?(?:above )?(?:mentioned )?(?:director(?:y|ies)|folders?)\b"
)
_GUARDS: Final[dict[str, re.Pattern[str]]] = {
    # What must not stand in a sentence of a kind, though the kind's own words may.
    "warranty": re.compile(_words(r"must pay\w* fees? prohibit\w* forbid\w* forbidden banned revok\w+ terminat\w+ solely only agree\w* accepts accept(?:ance)?_(?!no\b)\w+ compan(?:y|ies)_with use_is use_of_(?:it|this|the_software)_(?:by|for|in) ai llms? dataset\w* train\w* licen[sc]ee_must users? _may_not may_not_(?:use|be_used) not_(?:to_be_)?used? military nuclear weapon\w* medical fails?_to")),
    "endorsement": re.compile(_words(r"must stay remain\w* display\w* show\w* visible pay\w* fees? train\w* dataset\w* may_not_(?:use_the_software|modify|copy|distribute|sell) retain\w* keep kept remov\w+ shown unless_you changed?")),
    "notice": re.compile(_words(r"display\w* website page screen visible pay\w* weak prohibit\w* forbid\w* only solely train\w* may_not_(?:use|sell|copy|distribute|modify) unless if user_interface logo\w* ai model\w* nobody")),
    "pointer": re.compile(_words(r"(?:addition\w*|further|extra|special|supplement\w*|more)_(?:terms|conditions|restrictions|limitations|clauses|provisions|obligations|rights|licen\w+) addend\w* eula also commercial\w* restrict\w* limitations? conditions_(?:of|for)_use terms_of_(?:use|service) exceptions? exclu\w+ not no only without unless prohibit\w* forbid\w* before amend\w* modified modifications? rules polic(?:y|ies) rights? grant\w* sell\w* alone if anyone whoever")),
    "part": re.compile(_words(r"must shall only solely prohibit\w* forbid\w* forbidden banned train\w* ai dataset\w* model\w* may_not cannot never nobody pay\w* fees? if unless not_(?:use|be|permitted|allowed|granted) no_(?:part|one|permission|right) agreement_with compan(?:y|ies) military whoever restrict\w* ex(?:clud|cept)\w* rights? grant\w* permi\w+ sell\w* alone need\w* services?")),
    "introduction": re.compile(_words(r"must shall not no never without only solely but however if when whenever whoever pay\w* prohibit\w* forbid\w* addition\w* further restrict\w* limit\w* subject also use_(?:for|in|by|of) uses? users? used sell\w* train\w* ai models? dataset\w* compan(?:y|ies) academi\w* educat\w* research\w* students? teach\w* government\w* persons? individuals? organi[sz]ations? internal machine employees? services? alone grant\w* permi\w+ rights? (?:given|available|licensed|released|offered|open)_to_(?!you|any|all|every|the_public)\w+ cloud good home changed?")),
    "contribution": re.compile(_words(r"only prohibit\w* forbid\w* train\w* ai may_not pay\w* users?")),
    "grant": re.compile(_words(r"if unless when where until whoever who provided_that as_long_as subject once others members to_(?!you|any|all|every|do|use|copy|modify|change|sell|the_public)\w+ not no only solely but however except\w* excluding without_(?:written|prior|express|permission|consent) compan(?:y|ies) students? personal\w* private internal\w* for_(?!any|anything|everything|all|every|free|whatever|commercial|both|both)\w+ in_(?!any|all|both|commercial|source|binary|short|other_words)\w+ noncommercial(?!_and|_or|_use_and)")),
    "output": re.compile(_words(r"only solely must shall you users? permission agreement pay\w* prohibit\w* forbid\w* train\w* ai")),
    "export": re.compile(_words(r"only solely pay\w* train\w* ai commercial\w* agree\w*")),
    "request": re.compile(_words(r"only solely if_you_(?:are|sell|make|have|earn) first before ask")),
    "thanks": re.compile(_words(r"if unless provided subject when only")),
    "frame": re.compile(_words(r"prohibit\w* only not no")),
}  # fmt: skip
_TO_ALL: Final = re.compile(
    r"(?:(?:what )?this means|in (?:short|other words)|that is|so|basically|that|therefore|summary| )*"
    r"(?:you|every(?:one|body)|any(?:one|body)|it|this|feel free|(?:the )?(?:software|code|library|\w+) (?:is|can|may)|\w+ is free software)\b"
)
"""How a sentence begins that permits to all."""
_AND_ANY: Final = re.compile(
    r"(?:any|commercial or|including|and non|or non|both|even|also)\b.*\bcommerc|commerc\w+ (?:and|or|as well)"
)
_OF_OTHERWISE: Final = re.compile(
    r"(?:unless|except where|except when|if not|where not|except as) (?:otherwise )?(?:noted|stated|specified|indicated|mentioned|documented|described|explicitly\w* \w+)(?: otherwise)?|unless (?:\w+ ){0,3}(?:noted|stated|specified|indicated|mentioned)|commercial(?:ly)? or (?:not|otherwise|noncommercial\w*)|without (?:any )?(?:restrictions?|limitations?|fee|charge|warranty)|no (?:restrictions?|charge|fee|royalt\w+)|at no cost"
)


def _allowed(name: str, words: str, named: bool) -> bool:
    """Whether nothing else is said in a sentence of a kind."""
    plain = _WHATEVER.sub(" ", _OF_OTHERWISE.sub(" ", words))
    guard = _GUARDS.get(name)
    if guard is not None and guard.search(plain):
        return False
    if name == "warranty":
        return (
            re.search(
                r"\b(?:no|not|cannot|without|disclaim\w*|as is|own risk|nor|neither|none|exclud\w+)\b",
                words,
            )
            is not None
        )
    if name in _NO_NORM:
        rest = norms(_MAY_STAND.sub(" ", plain)) - {"act", "weak"}
        return named and not rest and (name != "introduction" or rider_kind(words) is None)
    if name == "grant" and _TO_ALL.match(words) is None:
        return False
    if name == "grant":
        return not norms(words) & {"strong", "weak"} or _AND_ANY.search(words) is not None
    return True


_RIDER_RULES: Final = (
    ("commons-clause", r"commons clause"),
    ("no-training", r"\b(?:train\w*|learn\w*|ai|artificial intelligence|llms?|language models?|models?|datasets?|data sets?|data mining|corpus|corpora|neural|generative|scrap\w+)\b"),
    ("no-competition", r"\bcompet\w+|\brival\w*|\b(?:saas|hosted|managed|cloud) (?:service|offering)|\bas a service\b|\bas service\b"),
    ("company-size", r"\b(?:revenue|turnover|employees|million|billion|monthly active|users a month|annual)\b"),
    ("non-commercial", r"commerc\w*|kommerz\w*|\bprofit\w*|\bnonprofit\w*|\bsell\w*|\bsold\b|\bmonet\w+|\bacademic\w*|\beducation\w*|\bpersonal\w*|\bprivate\w*|\bhobby\w*|\bstudents?\b|\bresearch\w*|\bevaluation\b|\binternal\w*"),
    ("field-of-use", r"\bmilitar\w+|\bweapons?\b|\barmed\b|\barm(?:y|ies)\b|\bsurveill\w+|\bnuclear\b|\bpolice\b|\bgovernment\w*|\bgambling\b|\btobacco\b|\boil\b|\bfossil\b|\bblockchain\b|\bcrypto\w+|\bmedical\b|\bpolitical\w*"),
    ("ethics", r"\bethic\w*|\bhuman rights\b|\bharm\w*|\bevil\b|\bdiscriminat\w+|\bhate\b|\bracis\w+|\bmoral\w*|\boppress\w+"),
    ("fee", r"\bpay\w*|\bfees?\b|\broyalt\w+|\bpurchas\w+|\bsubscri\w+|\bbuy\w*"),
    ("proprietary", r"\bproprietary\b|\bconfidential\b|\btrade secrets?\b"),
    ("modified", r"\b(?:modified(?! bsd| or new)|amended|altered|custom\w*|adapted|extended|variant)\b.{0,40}\b(?:licen[sc]e|mit|apache|bsd|isc|expat|version)\b|\b(?:licen[sc]e|mit|apache|bsd|isc)\b.{0,40}\b(?:modified|amended|altered|with changes|with additions|plus|addendum|variant)\b"),
    ("additional-terms", r"\b(?:additional|further|extra|special|supplementa\w+)\b.{0,30}\b(?:terms?|conditions?|restrictions?|clauses?|limitations?|provisions?)\b|\bterms (?:in|of|at|from) path\b|\bappl(?:y|ies) (?:as well|too)\b|\baddend\w+|\bappl(?:y|ies) also\b|\balso appl\w+"),
)  # fmt: skip
_RIDERS_RE: Final = tuple((name, re.compile(pattern)) for name, pattern in _RIDER_RULES)
_TAKES: Final = frozenset({"oblige", "negate", "condition", "money", "modified"})


@functools.lru_cache(maxsize=1 << 14)
def rider_kind(words: str) -> str | None:
    """Kind of rider of a sentence (words in lower case, one space between), None if it is none.

    >>> rider_kind("it may not be used for commercial purposes")
    'non-commercial'
    """
    if not norms(words) & (_TAKES | {"act", "strong"}) and not _APPLIES.search(words):
        return None
    for name, pattern in _RIDERS_RE:
        if pattern.search(words):
            return name
    return None


_TRANSLATION: Final = re.compile(
    r"translat\w+|übersetzung|traduction|traducci[oó]n|traduzione|tradução|vertaling|tłumaczenie|перевод|翻译|翻譯|译文|譯文|参考訳|日本語訳|번역"
    r"|(?:deutsche|deutschsprachige)\w* (?:\w+ )?(?:fassung|version)|zusammenfassung|résumé|version française|resumen"
    r"|versión (?:en español|española)|riassunto|versione italiana|resumo|samenvatting|streszczenie|日本語版|中文版"
)
"""Translations, and summaries in another language."""


def announces_translation(words: str) -> bool:
    """Whether a sentence says that a translation stands in the file."""
    return _TRANSLATION.search(words) is not None


_FOREIGN_RIDER: Final = re.compile(
    r"非商|禁止|不得用于|不可商|仅限|僅限|只限|商用|営利|商業目的|кроме|запрещ|некоммерч|только для"
    r"|nicht kommerz|nichtkommerz|nur für|verboten|untersagt|non commercia|usage personnel|interdit|no comercial|prohibid|proibid|vietat"
    r"|solo para|solo per|somente para|apenas para|uniquement"
)


def limits_in_another_language(words: str) -> bool:
    """Whether a sentence that is not English has words by which such sentences forbid."""
    return _FOREIGN_RIDER.search(words) is not None
