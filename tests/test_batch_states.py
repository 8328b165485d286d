"""The Batch API's whole state space: nothing is paid twice, what is paid is booked, and every row has its end."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from batch_server import file_of, scripted_judge
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response
from warehouse_rows import DAY, insert_requests, request_row, scalar, table_rows

from anchorwatch.errors import AnchorwatchError, ConfigError, TransientError
from anchorwatch.judge_client import judge_endpoint
from anchorwatch.judge_client.batch_lines import LONGEST_LINE_BYTES, read_line, split_lines
from anchorwatch.judge_client.batch_states import CODES, STATUSES, read_state, step_of
from anchorwatch.sampling import draw_sample
from anchorwatch.scoring import judge_shard
from anchorwatch.scoring.batch_answers import LOOKS, _Storing
from anchorwatch.scoring.batch_records import Sent
from anchorwatch.scoring.batch_sizes import next_room
from anchorwatch.scoring.interactions import Shard
from anchorwatch.settings import Settings, load_rules
from anchorwatch.steps import batch_mode, nightly
from anchorwatch.steps.run import Run, finish_run, start_run
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.source_view import create_source_views

INPUTS = Path(__file__).parent / "inputs"
ROWS = 24
PART = Shard("run-1", DAY)
GOOD = {"quality": 4, "hallucination": [], "safety": "safe", "retrieval_relevance": "relevant", "sure": True}


@pytest.fixture
def judge_server():
    with scripted_judge() as judge:
        yield judge


@pytest.fixture
def batches(judge_server):
    return judge_server.batches


@pytest.fixture
def by_batch(settings):
    prices = {settings.judge.model: {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 1}}
    judge = {**settings.judge.model_dump(), "mode": "batch", "batch": {"poll_seconds": 0.005}}
    return Settings.model_validate({**settings.model_dump(), "judge": judge, "prices": prices})


@pytest.fixture
def day(engine, by_batch):
    rows = [request_row(n, prompt=f"Question {n}: what is it?", response=f"It is {n}.") for n in range(ROWS)]
    insert_requests(engine, rows)
    with connect(engine) as connection:
        create_source_views(connection, by_batch)
        draw_sample(connection, by_batch, PART.run_id, DAY)
    return engine


def finish(engine, settings, part=PART):
    endpoint = judge_endpoint(settings.judge)
    unasked = batch_mode.judge_by_batches(engine, settings, endpoint, part)
    return judge_shard(engine, settings, endpoint, part, unasked=unasked)


def judge_day(engine, settings, run):
    """Judge a day as a run does, without its gate and its tables; return what was judged."""
    rules, today = load_rules(settings), run.run_date + timedelta(days=1)
    with connect(engine) as connection:
        start_run(connection, run, settings, rules)
        draw_sample(connection, settings, run.run_id, run.run_date)
    endpoint = judge_endpoint(settings.judge)
    unasked = nightly.judge_by_batches(engine, settings, endpoint, run, 0, 1, today)
    judged = nightly.judge(engine, settings, endpoint, run, 0, 1, unasked=unasked)
    finish_run(engine, run)
    return judged


def with_batch(settings, **values):
    batch = settings.judge.batch.model_copy(update=values)
    return settings.model_copy(update={"judge": settings.judge.model_copy(update={"batch": batch})})


def booked(engine):
    """Calls that were paid, their tokens, and what the ledger and the ceilings say they cost."""
    (found,) = table_rows(
        engine,
        "(SELECT COUNT(*), COALESCE(SUM(input_tokens + output_tokens), 0)::int, "
        "ROUND(COALESCE(SUM(cost_usd), 0)::numeric, 9)::float, ROUND((SELECT COALESCE(SUM(spent_usd), 0) "
        "FROM judge_budget WHERE scope LIKE 'run%%'), 9)::float FROM judge_calls WHERE NOT is_cached) AS c",
    )
    return found


def sizes(batches):
    return [len(lines) for lines in batches.requests]


# What the Batch API says


def test_every_status_of_the_client_is_decided():
    import typing

    from openai.types import Batch

    assert set(typing.get_args(Batch.model_fields["status"].annotation)) == STATUSES.keys()


@pytest.mark.parametrize(
    ("batch", "step"),
    [
        ({"status": "validating"}, "wait"),
        ({"status": "paused_for_a_reason_nobody_knows"}, "wait"),
        ({"status": "completed", "request_counts": None, "errors": None}, "read"),
        ({"status": "failed", "errors": None}, "again"),
        ({"status": "failed", "errors": {"data": None}}, "again"),
        ({"status": "failed", "errors": {"data": [{"code": "token_limit_exceeded", "message": "full"}]}}, "split"),
        ({"status": "failed", "errors": [{"message": "Enqueued token limit reached for m."}]}, "split"),
        ({"status": "failed", "errors": "the queue is full"}, "split"),
        ({"status": "failed", "errors": {"data": [{"code": "billing_hard_limit_reached"}]}}, "stop"),
        ({"status": "failed", "errors": {"data": [{"code": "duplicate_custom_id", "line": 3}]}}, "fix"),
        ({"status": "failed", "output_file_id": "f"}, "read"),
        ({"status": "expired", "request_counts": {"total": None, "completed": "7"}}, "read"),
    ],
)
def test_what_is_done_about_a_state(batch, step):
    state = read_state({"id": "batch_1", **batch})
    assert state is not None
    assert state.step == step
    assert state.done == 0


def test_what_is_no_batch_is_none():
    for thing in (None, "<html>", [], {}, {"id": 7, "status": "failed"}, {"id": "batch_1"}):
        assert read_state(thing) is None


def test_a_line_ends_with_a_newline_byte_and_nothing_else():
    text = "a\u2028b\u2029c\x85d\re\x0bf\x0cg\x1ch"
    lines = [json.dumps({"custom_id": "k", "response": text}, ensure_ascii=False).encode(), b"\xff\xfe", b"last"]
    whole = b"\n".join(lines)
    for size in (1, 7, len(whole)):
        chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert list(split_lines(chunks)) == lines


def test_a_line_without_an_end_does_not_fill_the_memory():
    chunk = b"x" * 1_000_000
    endless = [chunk] * (LONGEST_LINE_BYTES // len(chunk) + 5)
    assert list(split_lines([*endless, b"\nshort\n"])) == [b"short"]


@given(st.one_of(st.binary(), st.text().map(lambda t: json.dumps({"custom_id": t, "response": t}).encode())))
def test_no_line_is_a_traceback(line):
    read = read_line(line)
    assert read is None or not read.is_answer


# How the queue is treated


def test_the_next_batch_after_refusals():
    full, half = Sent("over_limit", "failed", 60), Sent("over_limit", "failed", 30)
    ran, unknown = Sent("harvested", "completed", 30), Sent("submitted", None, 30)
    assert next_room([]).most is None
    rooms = [next_room(sent) for sent in ([full], [full, half], [full, ran])]
    assert [(room.most, room.polls) for room in rooms] == [(30, 1), (15, 2), (60, 1)]
    assert not next_room([full, unknown]).is_open
    assert next_room([full, Sent("submitted", None, 30, is_own=False)]).is_open
    assert next_room([Sent("over_limit", "failed", 1)] * 9).most == 1


def queue_full():
    told = json.loads((INPUTS / "batch_queue_full.json").read_text())
    return {name: told[name] for name in ("status", "errors", "output_file_id", "error_file_id")}


@pytest.mark.parametrize("at_once", [False, True])
def test_a_full_queue_means_smaller_parts_later_and_never_real_time(day, by_batch, judge_server, batches, at_once):
    limited = JSONResponse({"error": {"code": "rate_limit_exceeded", "message": "too many"}}, 429)
    batches.refusal = lambda lines: (limited if at_once else queue_full()) if len(lines) > 10 else None
    totals = finish(day, by_batch)
    assert (totals.paid, totals.unscored, judge_server.calls) == (0, 0, 0)
    accepted = [size for size in sizes(batches) if size <= 10]
    assert sum(accepted) == ROWS
    refused = table_rows(day, "(SELECT requests FROM judge_batches WHERE status = 'over_limit') AS b")
    assert (24,) in refused
    assert (12,) in refused
    assert booked(day)[0] == ROWS
    assert scalar(day, "SELECT COUNT(*) FROM judge_claims") == 0


def test_a_kill_while_the_queue_is_full_goes_on_with_smaller_parts(day, by_batch, batches):
    batches.refusal = lambda lines: queue_full()
    endpoint = judge_endpoint(by_batch.judge)
    for is_first in (True, False):
        step = batch_mode.advance(day, by_batch, endpoint, PART, is_first=is_first)
    assert (step.batches, step.polls) == ([], 1)
    # Another process, another run of the day: it knows of the refusal.
    other = Shard("run-2", DAY)
    with connect(day) as connection:
        draw_sample(connection, by_batch, other.run_id, DAY)
    batches.refusal = lambda lines: None
    assert finish(day, by_batch, other).unscored == 0
    assert sizes(batches) == [24, 12, 12]


def test_a_queue_that_stays_full_stops_the_run_and_says_so(day, by_batch, judge_server, batches):
    batches.refusal = lambda lines: queue_full()
    run = Run("r", DAY, "cli")
    with pytest.raises(TransientError, match="a place in the endpoint's queue"):
        judge_day(day, with_batch(by_batch, max_wait_hours=0.05 / 3600), run)
    assert judge_server.calls == 0
    assert scalar(day, "SELECT status FROM runs") == "failed"
    assert booked(day)[0] == 0
    batches.refusal = lambda lines: None
    assert judge_day(day, by_batch, run)["unscored"] == 0
    assert judge_server.calls == 0


@pytest.mark.parametrize(
    ("code", "kind"), [("billing_hard_limit_reached", TransientError), ("url_mismatch", ConfigError)]
)
def test_what_waiting_cannot_help_stops_with_the_endpoints_words(day, by_batch, judge_server, batches, code, kind):
    batches.refusal = lambda lines: {"status": "failed", "errors": {"data": [{"code": code, "message": "no,\nsorry"}]}}
    with pytest.raises(kind, match=r"batch_1 failed at http.*: no, sorry; nothing was paid"):
        finish(day, by_batch)
    assert (judge_server.calls, scalar(day, "SELECT COUNT(*) FROM judge_claims")) == (0, 0)
    batches.refusal = lambda lines: None
    assert finish(day, by_batch).unscored == 0


# What the files hold


def test_a_line_separator_in_an_answer_splits_nothing(day, by_batch, judge_server, batches):
    (text,) = (INPUTS / "batch_output_u2028.jsonl").read_text(encoding="utf-8").split("\n")[:1]
    assert "\u2028" in text

    def output(lines):
        return b"".join(
            text.replace("REPLACE_WITH_THE_LINE'S_CUSTOM_ID", line["custom_id"]).encode() + b"\n" for line in lines
        )

    batches.output = output
    narrow = by_batch.model_copy(update={"judge": by_batch.judge.model_copy(update={"rubrics": ["quality", "safety"]})})
    totals = finish(day, narrow)
    assert (totals.unscored, totals.paid, judge_server.calls, len(batches.created)) == (0, 0, 0, 1)
    assert (
        scalar(day, "SELECT COUNT(*) FROM work_evaluations WHERE evaluator = 'quality' AND label = 'grade_4'") == ROWS
    )
    assert booked(day) == (ROWS, ROWS * 1050, *(pytest.approx(ROWS * 1050 / 2e6),) * 2)


def reply(line, content, **usage):
    body = {**line["response"]["body"], "choices": [{"finish_reason": "stop", "message": {"content": content}}]}
    return {**line, "response": {**line["response"], "body": body | ({"usage": usage} if usage else {})}}


def malformed(keep):
    """Replies that say nothing, for all but every `keep`-th line."""
    return lambda lines: file_of([line if n % keep == 0 else reply(line, "I think") for n, line in enumerate(lines)])


def test_malformed_answers_are_booked_and_asked_again_as_often_as_in_real_time(day, by_batch, judge_server, batches):
    batches.output = malformed(2)
    totals = finish(day, by_batch)
    # 24, of which 12 are malformed, of these 6, of these 3: after 1 + reasks batches they are unscored.
    assert sizes(batches) == [24, 12, 6]
    assert (totals.reasons, judge_server.calls) == ({"judge_reply_unparsable": 3}, 0)
    assert booked(day)[0] == 24 + 12 + 6
    assert booked(day)[2] == booked(day)[3] > 0


def test_what_is_usable_of_a_malformed_answer_is_kept_as_in_real_time(day, by_batch, judge_server, batches):
    partial = json.dumps({"quality": 4})
    batches.output = lambda lines: file_of([reply(line, partial) for line in lines])
    finish(day, by_batch)
    by_batches = table_rows(day, "work_evaluations")
    with connect(day) as connection:
        for table in ("judge_cache", "judge_calls"):
            connection.exec_driver_sql(f"DELETE FROM {table}")

    def answer(number, body):
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": partial}}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        return JSONResponse({"id": "x", "model": body["model"], "choices": [choice], "usage": usage})

    judge_server.fault = answer
    judge_shard(day, by_batch, judge_endpoint(by_batch.judge), PART)
    assert judge_server.calls == 3 * ROWS
    # The model's name is the endpoint's, which calls itself otherwise here.
    assert [row[:-2] for row in table_rows(day, "work_evaluations")] == [row[:-2] for row in by_batches]


def test_refused_and_rejected_questions_are_not_sent_again(day, by_batch, judge_server, batches):
    def output(lines):
        first, second, *rest = lines
        refused = reply(first, None)
        refused["response"]["body"]["choices"][0]["message"]["refusal"] = "I can't judge that"
        too_long = {"error": {"code": "context_length_exceeded", "message": "too long"}}
        rejected = {**second, "response": {"status_code": 400, "body": too_long}}
        return file_of([refused, rejected, *rest])

    batches.output = output
    totals = finish(day, by_batch)
    assert totals.reasons == {"judge_refused": 1, "judge_input_too_long": 1}
    assert (len(batches.created), judge_server.calls) == (1, 0)
    assert booked(day)[0] == ROWS - 1


def test_a_request_that_is_always_rejected_stops_the_run(day, by_batch, judge_server, batches):
    told = {"error": {"message": "Unsupported value: 'temperature'"}}
    batches.output = lambda lines: file_of([{**line, "response": {"status_code": 400, "body": told}} for line in lines])
    batches.said = lambda batch, looks: {"request_counts": {"total": ROWS, "completed": 0, "failed": ROWS}}
    with pytest.raises(
        ConfigError, match=r"rejected every question of batch batch_1: Unsupported value: 'temperature'"
    ):
        finish(day, by_batch)
    batches.output, batches.said = file_of, lambda batch, looks: None
    assert finish(day, by_batch).unscored == 0
    assert booked(day)[0] == ROWS


@pytest.mark.parametrize("status", ["expired", "cancelled", "failed"])
def test_what_a_batch_had_answered_is_booked_whatever_became_of_it(day, by_batch, judge_server, batches, status):
    batches.fate = lambda number, line: "answered" if len(batches.created) > 1 or number < 7 else "missing"
    batches.said = lambda batch, looks: {"status": status} if batch["id"] == "batch_1" else None
    endpoint = judge_endpoint(by_batch.judge)
    batch_mode.advance(day, by_batch, endpoint, PART)
    batch_mode.advance(day, by_batch, endpoint, PART)
    assert booked(day)[0] == 7
    assert finish(day, by_batch).unscored == 0
    assert (booked(day)[0], sizes(batches), judge_server.calls) == (ROWS, [ROWS, ROWS - 7], 0)


@pytest.mark.parametrize("loss", ["claims", "rows", "answered by another"])
def test_what_is_paid_is_booked_whatever_happened_in_the_meantime(day, by_batch, judge_server, batches, loss):
    batches.is_held = True
    endpoint = judge_endpoint(by_batch.judge)
    batch_mode.advance(day, by_batch, endpoint, PART)
    with connect(day) as connection:
        connection.exec_driver_sql("DELETE FROM judge_claims")
        if loss == "rows":
            connection.exec_driver_sql("DELETE FROM work_samples")
            connection.exec_driver_sql("DELETE FROM llm_requests")
    if loss == "answered by another":
        judge_shard(day, by_batch, endpoint, PART)
    calls = judge_server.calls
    batches.is_held = False
    batch_mode.judge_by_batches(day, by_batch, endpoint, PART)
    assert scalar(day, "SELECT COUNT(*) FROM judge_calls WHERE mode = 'batch' AND cost_usd > 0") == ROWS
    assert (len(batches.created), judge_server.calls) == (1, calls)
    assert scalar(day, "SELECT COUNT(*) FROM judge_cache") == (0 if loss == "rows" else ROWS)


def test_a_batch_of_a_run_that_nobody_went_on_with_is_booked_by_the_next_run_of_its_day(day, by_batch, batches):
    batch_mode.advance(day, by_batch, judge_endpoint(by_batch.judge), PART)
    with connect(day) as connection:
        connection.exec_driver_sql("DELETE FROM judge_claims")
        draw_sample(connection, by_batch, "run-2", DAY)
    assert finish(day, by_batch, Shard("run-2", DAY)).cached == ROWS
    assert sizes(batches) == [ROWS]
    assert scalar(day, "SELECT COUNT(*) FROM judge_calls WHERE run_id = 'run-1' AND NOT is_cached") == ROWS


@pytest.mark.parametrize("at", [1, 2])
def test_a_kill_between_blocks_books_nothing_twice(day, by_batch, batches, monkeypatch, at):
    """Before a block is stored, and after it: the next attempt goes on."""
    monkeypatch.setattr("anchorwatch.scoring.batch_answers.LINES_AT_ONCE", 9)
    store, blocks = _Storing._store_block, []

    def killed(storing, block):
        blocks.append(1)
        if len(blocks) == 2 * at - 1:
            raise KeyboardInterrupt
        store(storing, block)
        if len(blocks) == 2 * at:
            raise KeyboardInterrupt

    monkeypatch.setattr(_Storing, "_store_block", killed)
    kills = 0
    while True:
        try:
            assert finish(day, by_batch).unscored == 0
            break
        except KeyboardInterrupt:
            kills += 1
    assert kills == 2
    assert booked(day)[0] == ROWS
    assert booked(day)[2] == booked(day)[3]
    assert sizes(batches) == [ROWS]


# Files and batches that are late, or gone


def test_a_file_that_is_late_is_waited_for(day, by_batch, judge_server, batches):
    batches.said = lambda batch, looks: {"output_file_id": None} if looks < 3 else None
    batches.file = lambda fetched: Response("", 404) if fetched < 3 else None
    totals = finish(day, by_batch)
    assert (totals.unscored, len(batches.created), judge_server.calls) == (0, 1, 0)
    assert booked(day)[0] == ROWS


@pytest.mark.parametrize("has_usage", [True, False])
def test_paid_answers_that_are_gone_are_booked_and_asked_again(day, by_batch, judge_server, batches, has_usage):
    usage = {"input_tokens": 24_007, "output_tokens": 1_000, "total_tokens": 25_007}
    batches.said = lambda batch, looks: {"usage": usage} if has_usage and batch["id"] == "batch_1" else None
    batches.file = lambda fetched: Response("", 404) if len(batches.created) == 1 else None
    totals = finish(day, by_batch)
    assert (totals.unscored, sizes(batches), judge_server.calls) == (0, [ROWS, ROWS], 0)
    lost = table_rows(
        day,
        "(SELECT COUNT(*), SUM(input_tokens)::int, SUM(output_tokens)::int FROM judge_calls "
        "WHERE outcome = 'judge_batch_lost') AS c",
    )[0]
    assert lost[0] == ROWS
    assert lost[1:] == (24_007, 1_000) if has_usage else lost[1] > 0
    assert scalar(day, "SELECT MAX(looks) FROM judge_batches") == LOOKS - 1


def test_a_batch_that_completed_without_a_file_is_sent_again(day, by_batch, judge_server, batches):
    nothing = {"status": "completed", "output_file_id": None, "error_file_id": None, "request_counts": None}
    batches.said = lambda batch, looks: nothing if batch["id"] == "batch_1" else None
    totals = finish(day, by_batch)
    assert (totals.unscored, sizes(batches), judge_server.calls) == (0, [ROWS, ROWS], 0)


def test_a_batch_that_the_endpoint_forgot_is_sent_again(day, by_batch, judge_server, batches):
    batches.said = lambda batch, looks: Response("", 404) if batch["id"] == "batch_1" else None
    totals = finish(day, by_batch)
    assert (totals.unscored, sizes(batches), judge_server.calls) == (0, [ROWS, ROWS], 0)
    assert scalar(day, "SELECT COUNT(*) FROM judge_batches WHERE status = 'vanished'") == 1


def test_an_endpoint_that_stumbles_while_it_is_asked_is_asked_again(day, by_batch, judge_server, batches):
    answers = [Response("<html>", 502), Response("<html>gateway</html>", 200), JSONResponse(["no batch"])]
    batches.said = lambda batch, looks: answers[looks - 1] if looks <= len(answers) else None
    assert finish(day, by_batch).unscored == 0
    assert (len(batches.created), judge_server.calls) == (1, 0)


def test_questions_too_long_for_any_batch_are_unscored(day, by_batch, judge_server, batches):
    with connect(day) as connection:
        connection.exec_driver_sql(
            "UPDATE llm_requests SET response = repeat('word ', 3000) WHERE request_id LIKE '%%-00003'"
        )
    totals = finish(day, with_batch(by_batch, max_bytes_per_file=12_000))
    assert totals.reasons == {"input_too_long_for_batch": 1}
    assert judge_server.calls == 0


def test_jurors_are_asked_by_batch_too(day, by_batch, judge_server, batches):
    models = [by_batch.judge.model, "another"]
    jury = Settings.model_validate(
        {**by_batch.model_dump(), "judge": {**by_batch.judge.model_dump(), "jury": {"models": models}}}
    )
    assert finish(day, jury).unscored == 0
    assert judge_server.calls == 0
    assert {line["body"]["model"] for lines in batches.requests for line in lines} == set(models)


# Anything


_MUTATIONS = st.sampled_from(
    ["keep", "twice", "missing", "garbage", "stranger", "null body", "separator", "not utf-8", "500", "429", "400",
     "refusal", "cut off", "no choice", "no usage", "number", "expired"]
)  # fmt: skip


def mutated(line, how):
    """Return the bytes of a line that went wrong in some way; empty where it is missing."""
    body = line["response"]["body"]
    broken = {
        "stranger": {**line, "custom_id": "somebody else's"},
        "null body": {**line, "response": {"status_code": 200, "body": None}},
        "separator": reply(line, json.dumps(GOOD | {"note": "a\u2028b\x85c"}, ensure_ascii=False)),
        "refusal": reply(line, "I cannot judge this."),
        "no choice": {**line, "response": {"status_code": 200, "body": {**body, "choices": []}}},
        "no usage": {**line, "response": {"status_code": 200, "body": {**body, "usage": None}}},
        "number": {**line, "response": 7},
        "expired": {**line, "response": None, "error": {"code": "batch_expired", "message": "too late"}},
        **{code: {**line, "response": {"status_code": int(code), "body": "no"}} for code in ("500", "429", "400")},
    }
    match how:
        case "missing":
            return b""
        case "twice":
            return file_of([line, line])
        case "garbage":
            return b'{"custom_id": \n'
        case "not utf-8":
            return file_of([line]).replace(b"stop", b"st\xffop")
        case "cut off":
            return file_of([line])[:-40]
        case _:
            return file_of([broken.get(how, line)])


def test_whatever_a_batch_becomes_every_paid_line_is_booked_once_and_every_row_ends(
    engine, by_batch, judge_server, batches
):
    insert_requests(engine, [request_row(n, prompt=f"Question {n}?", response=f"It is {n}.") for n in range(8)])
    with connect(engine) as connection:
        create_source_views(connection, by_batch)
    tables = (
        "runs, work_samples, judge_cache, judge_calls, judge_claims, judge_batches, judge_batch_lines, judge_budget"
    )

    @hypothesis_settings(max_examples=8)
    @given(
        st.lists(st.lists(_MUTATIONS, min_size=8, max_size=8), min_size=1, max_size=3),
        st.lists(st.sampled_from(["completed", "expired", "failed", "cancelled", "lost file"]), min_size=3, max_size=3),
    )
    def check(rounds, ends):
        with connect(engine) as connection:
            connection.exec_driver_sql(f"TRUNCATE {tables}")
        batches.created.clear()
        batches.requests.clear()
        calls, paid = judge_server.calls, []

        def output(lines):
            number = len(batches.created)
            ways = rounds[number - 1] if number <= len(rounds) else ["keep"] * 8
            whole = b"".join(mutated(line, how) for line, how in zip(lines, ways, strict=False))
            read = {line.key: line for part in whole.split(b"\n") if part and (line := read_line(part))}
            asked = {line["custom_id"] for line in lines}
            paid.extend((number, key) for key, line in read.items() if line.is_answer and key in asked)
            return whole

        def said(batch, looks):
            at = batches.created.index(batch)
            end = ends[at] if at < len(ends) else "completed"
            counts = {"request_counts": {"total": 8, "completed": 0, "failed": 0}}
            if end == "lost file":
                return counts | {"output_file_id": None}
            return counts | {"status": end}

        batches.output, batches.said = output, said
        for _ in range(4):
            try:
                judged = judge_day(engine, by_batch, Run("r", DAY, "cli"))
                break
            except AnchorwatchError:
                assert scalar(engine, "SELECT status FROM runs") == "failed"
        else:
            raise AssertionError("it never ended")
        assert judged["rows"] == 8
        assert judge_server.calls == calls
        lost = {n for n, end in enumerate(ends, 1) if end == "lost file"}
        fetched = {(number, key) for number, key in paid if number not in lost}
        assert booked(engine)[0] == len(fetched)
        assert booked(engine)[2] == booked(engine)[3]
        assert scalar(engine, "SELECT COUNT(*) FROM runs WHERE status = 'running'") == 0
        assert scalar(engine, "SELECT COUNT(*) FROM judge_claims") == 0
        has_one_end = (
            "SELECT COUNT(*) FROM work_evaluations WHERE evaluator = 'quality' "
            "AND (value IS NULL) <> (unscored_reason IS NULL)"
        )
        assert scalar(engine, has_one_end) == 8

    check()


def test_codes_are_known_by_their_words_too():
    assert step_of(None, "Enqueued token limit reached for m in organization o.") == "split"
    assert step_of("something_new", "no idea") == "again"
    assert set(CODES.values()) == {"split", "stop", "fix"}
