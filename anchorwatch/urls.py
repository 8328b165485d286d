"""URLs as people may see them: a password, a key in the query or a token in the fragment is no part of that."""

import logging
import re
from urllib.parse import urlsplit

_URL = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>`]+")
_HTTP_LOGGERS = ("httpx", "httpx2")


def shown_url(url: str) -> str:
    """Return scheme, host, port and path alone.

    >>> shown_url("https://u:secret@host:8443/v1?api-key=secret#secret")
    'https://host:8443/v1'
    """
    plain = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, mark, rest = plain.partition("://")
    place, slash, path = rest.partition("/")
    if "@" in path:  # a password with a slash in it
        return f"{scheme}{mark}{path.rpartition('@')[2]}"
    return f"{scheme}{mark}{place.rpartition('@')[2]}{slash}{path}" if mark else plain.rpartition("@")[2]


def hide_url_secrets(text: str) -> str:
    """Return a text, such as another library's error, with every URL in it as `shown_url` shows it."""
    return _URL.sub(lambda found: shown_url(found[0]), text)


def web_url_problem(url: str) -> str | None:
    """Return why a URL is none that can be called, without the URL; None where it can be."""
    if re.search(r"[\s\x00-\x1f\x7f\\]", url):
        return "has a space or a control character in it"
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
        if parts.scheme not in ("http", "https") or not host:
            return "does not begin with http:// or https:// and a host"
        if port == 0:
            return "has a port that is no number from 1 to 65535"
        if not host.isascii() or len(host) > 253:
            host.encode("idna")
    except (ValueError, UnicodeError):
        return "is not a URL like https://host:8000/v1"
    return None


class _HideSecrets(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = hide_url_secrets(record.getMessage()), ()
        return True


def hide_secrets_in_http_logs() -> None:
    """Keep queries and passwords out of what HTTP clients log of every request; calling it again changes nothing."""
    for name in _HTTP_LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(found, _HideSecrets) for found in logger.filters):
            logger.addFilter(_HideSecrets())
