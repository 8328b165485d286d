"""Pieces of the logged text for alerts, redacted; read only where the configuration asks for them."""

import sqlalchemy as sa

EXCERPTS = 3
EXCERPT_CHARS = 160
_TEXTS = sa.text("SELECT request_id, prompt, response FROM source_requests WHERE request_id = ANY(:ids)")


def read_excerpts(connection: sa.Connection, request_ids: list[str]) -> list[str]:
    """Return the beginning of prompt and response of a few requests, without personal data and secrets."""
    from evaluators.redaction import Redactor

    wanted = request_ids[:EXCERPTS]
    found = {row.request_id: row for row in connection.execute(_TEXTS, {"ids": wanted})}
    lines = []
    for request_id in wanted:
        if request_id in found:
            redact, row = Redactor(), found[request_id]
            texts = [
                redact.redact(" ".join((text or "").split())).text[:EXCERPT_CHARS]
                for text in (row.prompt, row.response)
            ]
            lines.append(f"{request_id}: {texts[0]} → {texts[1]}")
    return lines
