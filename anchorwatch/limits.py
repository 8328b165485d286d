"""What the systems outside allow, each with its source, and how a text is made to fit; what is cut says so.

Names that others choose (a model, a segment, a rule, a request) have no length of their own. Every place where one
meets a limit takes the number from here.
"""

import hashlib

# Slack. https://docs.slack.dev/reference/block-kit/blocks (blocks, section, header, context).
SLACK_BLOCKS = 50
SLACK_SECTION_CHARS = 3_000
SLACK_HEADER_CHARS = 150
SLACK_CONTEXT_CHARS = 3_000
SLACK_MESSAGE_BYTES = 12_000
"""Of all blocks as JSON. Slack answers `msg_blocks_too_long` by a limit that it does not document: messages of 15,561
characters of JSON were accepted and of 17,694 were not (slackapi/bolt-js, issues 2509 and 2867, where Slack speaks of
12,000)."""

# PagerDuty, Events API v2. https://developer.pagerduty.com/docs/send-alert-event (summary, dedup_key) and
# https://developer.pagerduty.com/docs/events-api-v2-overview (size of an event).
PAGERDUTY_SUMMARY_CHARS = 1_024
PAGERDUTY_KEY_CHARS = 255
PAGERDUTY_EVENT_BYTES = 512_000

# OpenAI, Batch API. https://platform.openai.com/docs/api-reference/batch/create (file, metadata).
BATCH_REQUESTS = 50_000
BATCH_FILE_BYTES = 200_000_000
BATCH_METADATA_PAIRS = 16
BATCH_METADATA_KEY_CHARS = 64
BATCH_METADATA_VALUE_CHARS = 512

# Airflow. https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html#max-map-length
AIRFLOW_MAP_LENGTH = 1_024

# Postgres. https://www.postgresql.org/docs/current/limits.html (identifiers), and a row of a B-tree index may take a
# third of a page: nbtree.h, BTMaxItemSize. All parts of a key share it.
POSTGRES_IDENTIFIER_BYTES = 63
POSTGRES_INDEX_ROW_BYTES = 2_704
REQUEST_ID_BYTES = 1_024
SEGMENT_VALUE_BYTES = 500
LABELLER_BYTES = 200

MARK = "…"


def length(text: str) -> int:
    """Return the length as JavaScript and Java count it, where an emoji is two: never less than any other count.

    >>> length("né"), length("🚢")
    (2, 2)
    """
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, most: int) -> str:
    """Return a text of at most `most` characters; one that was longer ends with a mark.

    >>> cut("anchor", 6), cut("anchors", 6), cut("🚢🚢🚢", 5)
    ('anchor', 'ancho…', '🚢🚢…')
    """
    if length(text) <= most:
        return text
    head = text[: most - 1]
    while length(head) > most - 1:
        head = head[: -max(1, (length(head) - most + 1) // 2)]
    return head + MARK


def fit_key(key: str, most: int) -> str:
    """Return a key of at most `most` characters; two that were longer stay different, and each stays the same.

    >>> fit_key("rule:2026-03-10", 255)
    'rule:2026-03-10'
    """
    if length(key) <= most:
        return key
    return f"{cut(key, most - 17)}:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
