"""Random choices that are the same every time: a keyed hash instead of a random number."""

import hashlib


def keyed_draw(key: str, purpose: str, request_id: str) -> float:
    """Return the row's own number, even on [0, 1): the same every time, and independent between purposes."""
    digest = hashlib.sha256(f"{key}|{purpose}|{request_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
