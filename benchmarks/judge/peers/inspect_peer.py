"""inspect_ai: the logged answers graded twice by model_graded_qa."""

import tempfile
import time

from common import MODEL, arguments, report
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import model_graded_fact, model_graded_qa
from inspect_ai.solver import Generate, TaskState, solver

rows, concurrency = arguments()
answers = {row["request_id"]: row["response"] for row in rows}


@solver
def logged_answer():  # type: ignore[no-untyped-def]
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.output.completion = answers[state.sample_id]
        return state

    return solve


samples = [Sample(id=row["request_id"], input=row["prompt"], target="\n\n".join(row["context"])) for row in rows]
judge = f"openai/{MODEL}"
task = Task(
    dataset=MemoryDataset(samples),
    solver=logged_answer(),
    scorer=[model_graded_fact(model=judge), model_graded_qa(model=judge)],
)
started = time.perf_counter()
(log,) = eval(
    task,
    model=judge,
    max_connections=concurrency,
    max_samples=concurrency,
    log_dir=tempfile.mkdtemp(),
    display="none",
    fail_on_error=False,
)
seconds = time.perf_counter() - started
done = [s for s in log.samples or [] if s.scores and len(s.scores) == 2]
scored = sum(all(score.value in ("C", "I", "P") for score in s.scores.values()) for s in done)
report(seconds, len(rows), scored)
