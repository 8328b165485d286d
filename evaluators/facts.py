"""Reads what can be checked letter by letter out of a text: numbers, dates, addresses, quotes, names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "date", "url", "email", "quote", "name"]

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"), ("february", "feb"), ("march", "mar"), ("april", "apr"), ("may",), ("june", "jun"),
            ("july", "jul"), ("august", "aug"), ("september", "sep", "sept"), ("october", "oct"),
            ("november", "nov"), ("december", "dec"),
        ),
        1,
    )
    for name in names
}  # fmt: skip
_MONTH = r"(?P<mon>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
_NUMERIC_DATES = (
    re.compile(r"\b(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})\b"),
    re.compile(r"\b(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<y>\d{4})\b"),
)
_WORDED_DATES = (
    re.compile(rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH},? (?P<y>\d{{4}})\b", re.IGNORECASE),
    re.compile(rf"\b{_MONTH} (?:the )?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y>\d{{4}})\b", re.IGNORECASE),
    re.compile(rf"\b{_MONTH},? (?:of )?(?P<y>\d{{4}})\b", re.IGNORECASE),
    re.compile(rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH}", re.IGNORECASE),
    re.compile(rf"\b{_MONTH} (?:the )?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s*%)", re.IGNORECASE),
)
_SOME_MONTH = re.compile(r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>()\"'\]]+", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]+@[\w-]+(?:\.[\w-]+)+")
_QUOTE = re.compile(r"[\"\u201c\u201e]([^\"\u201c\u201d\u201e\n]{8,300})[\"\u201d\u201c]")
_NAME = re.compile(r"(?<![.!?:\n\"] )(?<!^)\b[A-Z][a-z]+(?:[ -](?:of |de |van |von )?[A-Z][a-z]+)+", re.MULTILINE)
MAGNITUDES = {
    "k": 1e3,
    "thousand": 1e3,
    "m": 1e6,
    "million": 1e6,
    "mn": 1e6,
    "bn": 1e9,
    "b": 1e9,
    "billion": 1e9,
    "trillion": 1e12,
}
_UNITS = {
    unit: family
    for family, units in {
        "%": "% percent per\u00a0cent percentage",
        "money": "$ \u20ac \u00a3 \u00a5 usd eur gbp dollar dollars euro euros pound pounds cent cents",
        "day": "day days", "hour": "hour hours h hr hrs", "minute": "minute minutes min mins",
        "second": "second seconds s sec secs",
        "week": "week weeks", "month": "month months", "year": "year years",
        "length": "km m cm mm mile miles feet foot ft inch inches meter meters metre metres kilometers kilometres",
        "mass": "kg g mg lb lbs pounds\u00a0weight gram grams kilogram kilograms ton tons tonne tonnes",
        "bytes": "b kb mb gb tb gigabyte gigabytes megabyte megabytes terabyte terabytes",
        "temperature": "\u00b0c \u00b0f celsius fahrenheit degrees",
    }.items()
    for unit in units.split(" ")
}  # fmt: skip
_NUMBER = re.compile(
    r"(?P<money>[$\u20ac\u00a3\u00a5] ?)?(?<![\w.])(?P<n>[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)(?:[ \u00a0-]?"
    r"(?P<size>thousand|million|billion|trillion|bn|mn|[kKM](?![\w]))\b)?"
    r"(?:[ \u00a0-]?(?P<unit>%|\u00b0[CF]|[A-Za-z]{1,10})(?!\w))?"
)
_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_WORDS = {word: n for n, word in enumerate(_SMALL)} | {
    word: 10 * n
    for n, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
_WORD_NUMBER = re.compile(
    r"\b("
    + "|".join(sorted(_WORDS, key=len, reverse=True))
    + r")(?:[ -](one|two|three|four|five|six|seven|eight|nine))?\b",
    re.IGNORECASE,
)
_LIST_MARKER = re.compile(r"^\s*(?:\*\*)?\(?\d{1,3}[.):](?:\*\*)?\s", re.MULTILINE)
_EXACT_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a text states.

    Attributes:
        keys: Its normal forms; two for a date such as 03/04/2024, which may be March or April.
        number: Of a number: its value; `step` is what its last digit is worth.
        unit: Of a number: the family of its unit, if it is a known one.
    """

    kind: Kind
    keys: tuple[str, ...]
    start: int
    end: int
    number: float = 0.0
    step: float = 1.0
    unit: str | None = None


def facts(text: str, *, words: bool = False) -> Iterator[Fact]:
    """Yield what the text states; a date is not also three numbers, and a list's marker is no number.

    Args:
        words: Read numbers in words too ("thirty").
    """
    text = _LIST_MARKER.sub(lambda marker: " " * len(marker.group()), text)
    if "://" in text or "www." in text:
        for found in _URL.finditer(text):
            url = found.group().rstrip(".,;:!?*").casefold()
            key = url.removeprefix("http://").removeprefix("https://").removeprefix("www.").rstrip("/")
            yield Fact("url", (key,), found.start(), found.start() + len(url))
        text = _URL.sub(_blank, text)
    if "@" in text:
        for found in _EMAIL.finditer(text):
            yield Fact("email", (found.group().casefold().rstrip("."),), *found.span())
        text = _EMAIL.sub(_blank, text)
    for pattern in (*_NUMERIC_DATES, *(_WORDED_DATES if _SOME_MONTH.search(text) else ())):
        dates = [(found, keys) for found in pattern.finditer(text) if (keys := _date_keys(found))]
        for found, keys in dates:
            yield Fact("date", keys, *found.span())
        if dates:
            text = pattern.sub(lambda date: _blank(date) if _date_keys(date) else date.group(), text)
    yield from _numbers(text)
    if words:
        for found in _WORD_NUMBER.finditer(text):
            value = _WORDS[found.group(1).casefold()] + _WORDS.get((found.group(2) or "zero").casefold(), 0)
            yield Fact("number", (f"{value:g}",), *found.span(), float(value))


def quotes(text: str) -> Iterator[Fact]:
    """Yield quoted passages of three words or more."""
    for found in _QUOTE.finditer(text):
        if len(found.group(1).split()) >= 3:
            yield Fact("quote", (plain(found.group(1)),), *found.span(1))


def names(text: str) -> Iterator[Fact]:
    """Yield names of two words or more that do not begin a sentence."""
    for found in _NAME.finditer(text):
        yield Fact("name", (plain(found.group()),), *found.span())


def plain(text: str) -> str:
    """Return the words of a text alone, in lower case."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def _numbers(text: str) -> Iterator[Fact]:
    for found in _NUMBER.finditer(text):
        digits = found.group("n").replace(",", "").lstrip("+")
        size = MAGNITUDES.get((found.group("size") or "").casefold(), 1.0)
        decimals = len(digits.partition(".")[2])
        step = size * 10.0**-decimals
        unit = "money" if found.group("money") else _UNITS.get((found.group("unit") or "").casefold())
        exact = len(digits.replace(".", "").lstrip("-")) > _EXACT_DIGITS
        value = float(digits) * size
        key = digits if exact else f"{value:.12g}"
        span = found.start("n"), found.end("size") if found.group("size") else found.end("n")
        yield Fact("number", (key,), *span, number=value, step=0.0 if exact else step, unit=unit)


def _date_keys(found: re.Match[str]) -> tuple[str, ...]:
    """Return the date as YYYY-MM-DD, YYYY-MM or --MM-DD; nothing where there is no such day."""
    groups = found.groupdict()
    year = f"{int(groups['y']):04d}" if groups.get("y") else "-"
    if groups.get("a"):
        a, b = int(groups["a"]), int(groups["b"])
        pairs = [(m, d) for m, d in ((a, b), (b, a)) if 1 <= m <= 12 and 1 <= d <= 31]
    else:
        month = int(groups["m"]) if groups.get("m") else _MONTHS[groups["mon"].casefold()]
        day = int(groups["d"]) if groups.get("d") else 0
        pairs = [(month, day)] if 1 <= month <= 12 and day <= 31 and (day or "d" not in groups) else []
    return tuple(dict.fromkeys(f"{year}-{m:02d}-{d:02d}" if d else f"{year}-{m:02d}" for m, d in pairs))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())
