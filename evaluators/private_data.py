"""Finds personal data and secrets in a text: what must not leak, and must not leave for the judge.

Checksums and number plans come from libraries (python-stdnum, phonenumbers); a pattern alone says so little
about a card or phone number that half of all order numbers would count. Names of people are not looked for.
"""

import functools
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import phonenumbers
from stdnum import iban, luhn
from stdnum.us import ssn

VERSION = "1"
"""Raise it with a change of what confirms a match; patterns are in `detectors_version` by themselves."""


@dataclass(frozen=True, slots=True)
class Found:
    """A place in a text and what stands there."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Detector:
    """A kind of private data.

    Attributes:
        needs: Texts without any of these need no look; it is ten times faster to find that out first.
    """

    kind: str
    pattern: re.Pattern[str]
    confirm: Callable[[str], bool] = lambda text: True
    group: int | str = 0
    needs: tuple[str, ...] = ()


def _any(*patterns: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), flags)


_TOKENS = _any(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",  # AWS
    r"\bgh[pousr]_[A-Za-z0-9]{30,255}\b", r"\bgithub_pat_[A-Za-z0-9_]{22,255}\b", r"\bglpat-[A-Za-z0-9_-]{20,}",
    r"\bxox[abeprs]-[A-Za-z0-9-]{10,}", r"https://hooks\.slack\.com/services/[A-Za-z0-9/_-]{20,}",
    r"\bAIza[0-9A-Za-z_-]{35}", r"\bya29\.[0-9A-Za-z_-]{20,}",  # Google
    r"\b[rsp]k_(?:live|test)_[0-9A-Za-z]{16,}", r"\bwhsec_[0-9A-Za-z]{20,}",  # Stripe
    r"\bsk-(?:ant-|proj-|or-|svcacct-)?[A-Za-z0-9_-]{20,}", r"\bhf_[A-Za-z0-9]{30,}", r"\bnpm_[A-Za-z0-9]{30,}",
    r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", r"\bdop_v1_[a-f0-9]{40,}", r"\bpypi-[A-Za-z0-9_-]{40,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",  # JSON web token
)  # fmt: skip
_TOKEN_MARKS = (
    "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "hooks.slack.com", "AIza",
    "ya29.",
    "k_live_", "k_test_", "whsec_", "sk-", "hf_", "npm_", "SG.", "dop_v1_", "pypi-", "eyJ",
)  # fmt: skip
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?!-----BEGIN)[\s\S])*?(?:-----END [A-Z0-9 ]+-----|\Z)"
)
_ASSIGNED = re.compile(
    r"\b(?:pass(?:word|wd|phrase)|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|api[_ -]?key|access[_-]?(?:key|token)|"
    r"auth[_-]?token|client[_-]?secret|private[_-]?key|bearer|token)(?:\\?[\"'])?\s*(?:is\s*)?[:=]?\s*(?:\\?[\"'`])?"
    r"(?P<value>[^\s\"'`\\,;<>(){}\[\]]{8,200})",
    re.IGNORECASE,
)
_URL_LOGIN = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"']{1,100}:(?P<value>[^\s/@\"']{3,200})@", re.IGNORECASE)
_NO_SECRET = re.compile(
    r"(?i)your|example|placeholder|changeme|redacted|xxx|\*\*\*|\.\.\.|^[\[<$%{]|^(?:process|os|env)\b|^https?:"
)
_EMAIL = re.compile(
    r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?!\w)"
)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?!\w)")
_CARD = re.compile(r"(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w-])")
_SSN = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
_PHONE = re.compile(r"(?<![\w.,/-])(?:\+|00)?\(?\d[\d\s().\-/]{6,18}\d(?![\w-]|\.\d)")
_IP = re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.]*\d)")


def _entropy(text: str) -> float:
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def _is_secret(value: str) -> bool:
    """Tell a password from a word: mixed characters, and not the same few again and again."""
    value = value.rstrip(".!?")
    kinds = sum(any(map(test, value)) for test in (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum()))
    return (
        len(value) >= 8
        and kinds >= 2
        and any(map(str.isdigit, value))
        and _entropy(value) >= 2.5
        and not _NO_SECRET.search(value)
    )


def _is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return digits[0] in "23456" and len(set(digits)) > 1 and luhn.is_valid(digits)


@functools.lru_cache(maxsize=4096)
def _is_phone(text: str, regions: tuple[str, ...]) -> bool:
    number = re.sub(r"^00", "+", text)
    if not number.startswith("+") and len(set(re.findall(r"\D", number))) == 0:
        return False  # a bare run of digits is an order number more often than a phone number
    for region in (None,) if number.startswith("+") else regions:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(number, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _is_public_ip(text: str) -> bool:
    """Leave out private networks, and what is more often a version than an address: small numbers only."""
    is_version = all(int(part) < 20 for part in text.split("."))
    return not is_version and not text.startswith(("127.", "10.", "192.168.", "0.", "255."))


_SECRETS = (
    _Detector("private_key", _PRIVATE_KEY, needs=("-----BEGIN",)),
    _Detector("token", _TOKENS, needs=_TOKEN_MARKS),
    _Detector("password", _URL_LOGIN, group="value", needs=("://",)),
    _Detector("password", _ASSIGNED, _is_secret, "value"),
)
_PII = (
    _Detector("email", _EMAIL, needs=("@",)),
    _Detector("iban", _IBAN, iban.is_valid),
    _Detector("card", _CARD, _is_card),
    _Detector("ssn", _SSN, ssn.is_valid),
    _Detector("ip_address", _IP, _is_public_ip),
)
_REGIONS = ("US", "GB")


def detectors_version() -> str:
    """Return the identity of what is found: the version above, and all patterns."""
    patterns = [(d.kind, d.pattern.pattern, d.needs) for d in (*_SECRETS, *_PII)]
    told = json.dumps([patterns, _PHONE.pattern, _NO_SECRET.pattern, _REGIONS])
    return f"{VERSION}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def find_secrets(text: str) -> list[Found]:
    """Return keys, tokens and passwords, in order and without overlaps."""
    return _without_overlaps(_matches(text, _SECRETS))


def find_pii(text: str, regions: tuple[str, ...] = _REGIONS) -> list[Found]:
    """Return e-mail addresses, phone, card and account numbers and public IP addresses, in order.

    Args:
        regions: Countries whose phone numbers are known without their country code.
    """
    phone = _Detector("phone", _PHONE, lambda number: _is_phone(number, regions))
    return _without_overlaps(_matches(text, (*_PII, phone)))


def find_private(text: str) -> list[Found]:
    """Return secrets and personal data, in order and without overlaps; secrets win."""
    return _without_overlaps([*_matches(text, _SECRETS), *find_pii(text)])


def _matches(text: str, detectors: tuple[_Detector, ...]) -> Iterator[Found]:
    for detector in detectors:
        if detector.needs and not any(mark in text for mark in detector.needs):
            continue
        for match in detector.pattern.finditer(text):
            if detector.confirm(match.group(detector.group)):
                yield Found(detector.kind, *match.span(detector.group))


def _without_overlaps(found: Iterator[Found] | list[Found]) -> list[Found]:
    """Keep the earlier kind where two overlap, and join what is left of the other to it."""
    kept: list[Found] = []
    for item in found:
        touching = [other for other in kept if item.start < other.end and other.start < item.end]
        if touching:
            first = touching[0]
            kept = [other for other in kept if other not in touching]
            start = min(item.start, *(other.start for other in touching))
            end = max(item.end, *(other.end for other in touching))
            item = Found(first.kind, start, end)
        kept.append(item)
    kept.sort(key=lambda item: item.start)
    assert all(a.end <= b.start for a, b in pairwise(kept))
    return kept
