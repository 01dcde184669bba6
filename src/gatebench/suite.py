"""A suite: scenarios that are played together, and the questions that their numbers answer. A TOML file of `scenarios/`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gatebench.target import Setting


class SuiteEntry(BaseModel):
    """A scenario of a suite. `rate` moves its load's peak and `time_scale` stretches its phases, as the options do; `needs` are
    capabilities beyond the scenario's own without which a target is left out there; `settings` are those, by target, that it has
    to be told beside the scenario's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1)
    rate: str | None = None
    time_scale: float = Field(default=1.0, gt=0)
    needs: tuple[str, ...] = ()
    settings: dict[str, dict[str, Setting]] = Field(default_factory=dict)

    def told(self, target: str) -> dict[str, str]:
        """Return the settings of a target (NAME or NAME:PROFILE), as `--set` gives them."""
        own = self.settings.get(target.partition(":")[0], {})
        return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in own.items()}


class Question(BaseModel):
    """What a reader wants to know, and the number that answers: a metric of a scenario, in a phase or (None) of the whole run."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    title: str = Field(min_length=1)
    asks: str = Field(min_length=1)
    scenario: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    phase: str | None = None
    needs: tuple[str, ...] = ()


class Suite(BaseModel):
    """Scenarios in the order of playing, and questions in the order of reading."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = Field(min_length=1)
    scenario: tuple[SuiteEntry, ...] = Field(min_length=1)
    question: tuple[Question, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Suite:
        names = [entry.name for entry in self.scenario]
        problems = [f"the scenario {name} is listed twice" for name in sorted({n for n in names if names.count(n) > 1})]
        problems += [
            f'the question "{question.title}" asks the scenario {question.scenario}, which is not in the suite; add it'
            for question in self.question
            if question.scenario not in names
        ]
        titles = [question.title for question in self.question]
        problems += [
            f'two questions are called "{title}"; give each its own title'
            for title in sorted({t for t in titles if titles.count(t) > 1})
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def entry(self, scenario: str) -> SuiteEntry:
        """Return the entry of a scenario. Raises StopIteration when it is not in the suite."""
        return next(entry for entry in self.scenario if entry.name == scenario)
