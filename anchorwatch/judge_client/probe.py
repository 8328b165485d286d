"""Finds out what an endpoint takes, by a small question that holds no logged text."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from anchorwatch.errors import ConfigError
from anchorwatch.judge_client.body import FALLBACKS, Form
from anchorwatch.judge_client.endpoint import JudgeEndpoint
from anchorwatch.judge_client.errors import RowUnscored
from anchorwatch.judge_client.rejection import Rejected
from anchorwatch.settings.judging import JudgeSettings
from evaluators import JudgeReply, JudgeRequest

PARAMETERS = {"temperature": "temperature", "seed": "seed", "max_completion_tokens": "max_output_tokens"}
"""Parameters of a request that the configuration can leave out, and their key in `judge`."""
QUESTION = JudgeRequest(
    messages=(
        {"role": "system", "content": 'Reply with the JSON object {"ready": "yes"}.'},
        {"role": "user", "content": "Are you there?"},
    ),
    schema_name="probe",
    schema={
        "type": "object",
        "properties": {"ready": {"type": "string", "enum": ["yes", "no"]}},
        "required": ["ready"],
        "additionalProperties": False,
    },
    rubric_version="",
)
_OF_THE_ACCOUNT = (401, 402)
"""What no row's text can cause: the small question shows whether all rows get it now."""
Try = Callable[[JudgeSettings, Form], Awaitable[JudgeReply]]
"""Asks `QUESTION` with some settings in a form; raises `Rejected`, or what else becomes of a call."""


@dataclass(slots=True)
class EndpointProbe:
    """What is known of an endpoint.

    Attributes:
        form: The form of reply to ask for.
        learned: Why it is no longer the form that was tried first.
        replies: What probing cost; whoever books calls takes them out.
    """

    settings: JudgeSettings
    endpoint: JudgeEndpoint
    ask: Try
    form: Form
    learned: str | None = None
    replies: list[JudgeReply] = field(default_factory=list)
    _takes_it: bool = False
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def settle(self, error: Rejected, form: Form) -> bool:
        """Find out whether the endpoint rejects every request of a form, or one row; tell whether to ask again.

        Raises:
            ConfigError: It takes no request as the configuration has it.
            EndpointDown: It does not answer.
        """
        async with self._one_at_a_time:
            if self.form != form:
                return True  # somebody has found out meanwhile
            if error.status in _OF_THE_ACCOUNT:
                self.forget()
            if not self._names_a_cause(error) and not self._takes_it:
                await self.check()
            return self.form != form

    async def check(self) -> None:
        """Ask the small question, in plainer forms if need be.

        Raises:
            ConfigError: The endpoint takes it in no form.
            EndpointDown: It does not answer.
        """
        first: Rejected | None = None
        form: Form | None = self.form
        while form is not None:
            rejected = await self._try(self.settings, form)
            if rejected is None:
                if form != self.form:
                    assert first is not None
                    self._fall_back(form, first)
                self._takes_it = True
                return
            first = first or rejected
            if rejected.status in (401, 402, 403) or (rejected.status == 404 and not _names_the_form(rejected)):
                break
            form = FALLBACKS.get(form) if self.settings.structured_output == "auto" else None
        assert first is not None
        raise await self._explain(first)

    def forget(self) -> None:
        """Ask again at the next rejection: the endpoint may have changed."""
        self._takes_it = False

    def _names_a_cause(self, error: Rejected) -> bool:
        """Act on a parameter that the endpoint itself names; tell whether it did.

        Raises:
            ConfigError: It is one that the configuration sets.
        """
        # A limit on one row's text also names a parameter: with a long prompt, max_completion_tokens is too large.
        if error.is_filter or error.is_too_long or error.is_unwritten or not self._is_sent(error.parameter):
            return False
        if error.parameter in PARAMETERS or self._plainer() is None:
            raise self._rejects(error.parameter, error)
        plainer = self._plainer()
        assert plainer is not None
        self._fall_back(plainer, error)
        return True

    def _is_sent(self, parameter: str) -> bool:
        if parameter == "response_format":
            return self.form != "text"
        return parameter in PARAMETERS and getattr(self.settings, PARAMETERS[parameter]) is not None

    def _plainer(self) -> Form | None:
        return FALLBACKS.get(self.form) if self.settings.structured_output == "auto" else None

    def _fall_back(self, form: Form, error: Rejected) -> None:
        self.learned = f"{self.form} is rejected ({error.status}: {self._words(error)})"
        self.form, self._takes_it = form, False

    async def _try(self, settings: JudgeSettings, form: Form) -> Rejected | None:
        try:
            self.replies.append(await self.ask(settings, form))
        except Rejected as error:
            return error
        except RowUnscored as error:  # an answer is an answer, whatever it says
            self.replies += [error.reply] if error.reply else []
        return None

    async def _explain(self, error: Rejected) -> ConfigError:
        """Say what is wrong with the configuration: leave one parameter out after the other."""
        where, model = self.endpoint.name, self.settings.model
        if error.status == 402:
            return ConfigError(
                f"{where} asks for payment (402: {self._words(error)}): top up the account of the judge's API key"
            )
        if error.is_bad_key:
            return ConfigError(
                f"{where} refused the judge's API key ({error.status}: {self._words(error)}): check OPENAI_API_KEY or "
                "the connection anchorwatch_judge"
            )
        if error.status == 404 and not _names_the_form(error):
            return ConfigError(
                f"{where} has no model '{model}' or no chat completions (404: {self._words(error)}): check judge.model "
                "and judge.base_url"
            )
        if error.parameter in PARAMETERS:
            return self._rejects(error.parameter, error)
        for parameter, key in PARAMETERS.items():
            if getattr(self.settings, key) is not None:
                without = self.settings.model_copy(update={key: None})
                if await self._try(without, self.form) is None:
                    return self._rejects(parameter, error)
        if error.parameter == "response_format" or self.settings.structured_output not in ("auto", "text"):
            return self._rejects("response_format", error)
        return ConfigError(
            f"{where} rejects every request for '{model}' ({error.status}: {self._words(error)}): check "
            "judge.model and judge.base_url"
        )

    def _rejects(self, parameter: str, error: Rejected) -> ConfigError:
        fix = f"judge.{PARAMETERS[parameter]}: null" if parameter in PARAMETERS else "judge.structured_output: auto"
        return ConfigError(
            f"{self.endpoint.name} rejects {parameter} for '{self.settings.model}' ({error.status}: "
            f"{self._words(error)}): set {fix}"
        )

    def _words(self, error: Rejected) -> str:
        return self.endpoint.hide_secrets(error.shown(secret=self.endpoint.api_key))


def _names_the_form(error: Rejected) -> bool:
    """Tell whether a 404 is about what is asked for, as a router says that has no server for it."""
    told = error.words.casefold()
    return any(word in told for word in ("response_format", "requested parameters", "structured output"))
