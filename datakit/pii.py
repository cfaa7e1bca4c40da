"""Personal data in texts: e-mail addresses, phone numbers, Chinese ID cards, bank cards, IP addresses.

Rust regexes name the few texts that may hold any (`suspected`); those are read in Python, where check digits and
reserved examples can be looked at (`found_in`).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from ipaddress import ip_address
from operator import or_
from typing import Literal, get_args

import polars as pl

Kind = Literal["id_card", "bank_card", "email", "ip", "phone"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""In the order in which they claim a piece of text: an ID card may look like a bank card, and that like a phone."""


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of personal data."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Pattern:
    hint: str
    """A Rust regex that every text with one matches."""
    regex: re.Pattern[str]
    is_real: Callable[[re.Match[str]], bool]


def suspected(text: pl.Expr, kinds: Sequence[Kind] = KINDS) -> pl.Expr:
    """Whether a text is worth a call of `found_in`."""
    return reduce(or_, (text.str.contains(_PATTERNS[kind].hint) for kind in kinds), pl.lit(False))


def found_in(text: str, kinds: Sequence[Kind] = KINDS) -> list[Found]:
    """Personal data of these kinds, in the order of the text, without overlaps.

    What is reserved for examples does not count: example.com and its like (RFC 2606), the numbers 555-01xx, IP
    addresses of documentation, private and local networks.
    """
    found: list[Found] = []
    for kind in KINDS:
        if kind in kinds:
            new = [Found(kind, *match.span()) for match in _matches(text, kind)]
            found += [one for one in new if not any(one.start < old.end and old.start < one.end for old in found)]
    return sorted(found, key=lambda one: one.start)


def masked(text: str, kinds: Sequence[Kind] = KINDS) -> str:
    """The text with [EMAIL], [PHONE], [ID_CARD], [BANK_CARD] or [IP] in place of each."""
    pieces, at = [], 0
    for one in found_in(text, kinds):
        pieces += [text[at : one.start], f"[{one.kind.upper()}]"]
        at = one.end
    return "".join([*pieces, text[at:]])


def _matches(text: str, kind: Kind) -> Iterator[re.Match[str]]:
    pattern = _PATTERNS[kind]
    return (match for match in pattern.regex.finditer(text) if pattern.is_real(match))


def luhn_holds(digits: str) -> bool:
    """The check digit of bank cards (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def id_card_holds(number: str) -> bool:
    """Birthday and check digit of a Chinese resident's number of 18 places (GB 11643-1999: ISO 7064 MOD 11-2)."""
    weighted = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return number[17].upper() == "10X98765432"[weighted % 11] and born.year >= 1850


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


_RESERVED_HOST = re.compile(
    r"(?:^|\.)(?:example\.(?:com|org|net)|example|test|invalid|localhost|local)$", re.IGNORECASE
)


def _is_real_email(match: re.Match[str]) -> bool:
    local, _, host = match.group().rpartition("@")
    # git@github.com is everybody's, and a file such as image@2x.png is no address
    return (
        local != "git"
        and not _RESERVED_HOST.search(host)
        and not re.search(r"\.(?:png|jpe?g|gif|svg|webp|js|css|py)$", host)
    )


# Issuer prefixes and lengths (ISO/IEC 7812): Visa, Mastercard, American Express, UnionPay, Discover, JCB, Diners.
_ISSUER = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|62\d{14,17}|"
    r"6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}"
)


def _is_real_card(match: re.Match[str]) -> bool:
    digits = _digits(match.group())
    return bool(_ISSUER.fullmatch(digits)) and luhn_holds(digits) and len(set(digits)) > 1


_NOBODYS = ("800", "833", "844", "855", "866", "877", "888", "555")
"""North American area codes: toll-free ones, which are companies', and one that is not assigned."""


def _is_real_phone(match: re.Match[str]) -> bool:
    digits = _digits(match.group())
    if match["world"] is not None and not 8 <= len(digits) <= 15:  # E.164
        return False
    american = match["american"] is not None or (match["world"] is not None and digits[:1] == "1")
    if not american:
        return True
    if len(digits) not in (10, 11):
        return False
    area, exchange, line = digits[-10:-7], digits[-7:-4], digits[-4:]
    reserved = exchange == "555" and line.startswith("01")
    return area[0] in "23456789" and exchange[0] in "23456789" and not reserved and area not in _NOBODYS


_VERSION_BEFORE = re.compile(r"(?:\bv|\bver|version|release|build|版本|版)[ .:：号]*$", re.IGNORECASE)


def _is_real_address(match: re.Match[str]) -> bool:
    try:
        address = ip_address(match.group())
    except ValueError:
        return False
    if address.version == 4:
        before = match.string[max(0, match.start() - 16) : match.start()]
        # 1.2.3.4 is a version or a section rather than a machine
        if _VERSION_BEFORE.search(before) or all(len(part) == 1 for part in match.group().split(".")):
            return False
    return address.is_global and not address.is_multicast


_GAP = r"[ \t.-]?"
_PATTERNS: dict[Kind, _Pattern] = {
    "email": _Pattern(
        r"[A-Za-z0-9._%+-]@[A-Za-z0-9-]+\.",
        re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9_][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
            re.ASCII,
        ),
        _is_real_email,
    ),
    "id_card": _Pattern(
        r"[1-8][0-9]{16}[0-9Xx]",
        re.compile(
            r"(?<![0-9A-Za-z.])(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])\d{15}[\dXx](?![0-9A-Za-z])",
            re.ASCII,
        ),
        lambda match: id_card_holds(match.group()),
    ),
    "bank_card": _Pattern(
        r"[2-6][0-9]{3}[ -]?[0-9]{4}",
        re.compile(
            r"(?<![\w.,+-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|3\d{3}([ -])\d{6}\2\d{5})"
            r"(?![\w-]|[.,]\d)",
            re.ASCII,
        ),
        _is_real_card,
    ),
    "phone": _Pattern(
        r"\+[0-9]{1,3}[ \t.(-]?[0-9(]|[0-9]{3}[)）]?[ \t.-]?[0-9]{3}[ \t.-][0-9]{4}|"
        r"1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}|0[0-9]{2,3}[)）]?[ -]?[0-9]{7}",
        re.compile(
            rf"""(?<![\w.+/=-])(?:
            (?P<mobile> (?:\+?86[ -]?)?1[3-9]\d[ -]?\d{{4}}[ -]?\d{{4}} )
            | (?P<land> (?:\+?86[ -]?)?(?:[(（]0(?:10|2\d|[3-9]\d\d)[)）][ ]?|0(?:10|2\d|[3-9]\d\d)-)\d{{7,8}} )
            | (?P<american> (?:1[ .-]?)?(?:[(（][2-9]\d\d[)）][ ]?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{{4}} )
            | (?P<world> \+\d{{1,3}}{_GAP}(?:\(\d{{1,4}}\){_GAP})?\d{{1,4}}(?:{_GAP}\d{{2,4}}){{1,4}} )
            )(?![\d/=-]|[.,]\d)""",
            re.ASCII | re.VERBOSE,
        ),
        _is_real_phone,
    ),
    "ip": _Pattern(
        r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|[23][0-9a-fA-F]{3}:[0-9a-fA-F:]*:",
        re.compile(
            r"(?<![\w.:-])(?:(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)|"
            r"[23][0-9a-f]{3}:(?:[0-9a-f]{0,4}:){1,6}[0-9a-f]{0,4}(?![\w:]))",
            re.ASCII | re.IGNORECASE,
        ),
        _is_real_address,
    ),
}
