"""Judging rows by reward models: sorted by length, in batches, each model loaded when it is first needed."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pyarrow as pa

from rewards.admission import admit
from rewards.calls import ERROR, OK
from rewards.judged import Judged, block
from rewards.model import DISAGREEMENT, Backend, Logits, Member, ModelRule, RewardModel
from rewards.model_rows import Read, Reader, Row, batches, rows_of
from rewards.model_settings import ModelSettings
from rewards.plugins import variant_class
from rewards.scorer import Scorer
from schemas.errors import ConfigError
from schemas.identity import canonical_json

WINDOW = 8192
"""Rows that are sorted by length together."""
REMEMBERED = 500_000
"""Answers whose outputs are kept, so that a model of several outputs reads them once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of a row."""

    outputs: Logits | None
    """(members, labels), in the unit that the settings ask for; None where it could not be read."""
    reason: str
    seconds: float = 0.0


class ModelPool:
    """The reward models of a pool of workers; they run in this process, without a clock."""

    def __init__(self) -> None:
        self._loaded: dict[str, _Loaded] = {}
        """By fingerprint."""

    def judge(self, scorer: Scorer, inputs: pa.Table) -> Iterator[Judged]:
        """Judge rows; yields blocks as batches finish.

        Raises:
            ConfigError: a model cannot be loaded, or has no chat template.
        """
        rule = scorer.rule
        if not isinstance(rule, ModelRule):
            raise TypeError(f"{scorer.name} is no output of a reward model")
        table, rows, skipped = admit(scorer, inputs)
        yield from skipped
        for start in range(0, len(rows), WINDOW):
            window = rows_of(scorer, table.slice(start, WINDOW))
            for places, answers in self._model(rule.model).answers(window):
                numbers = rows.take(pa.array([start + place for place in places], pa.int64()))
                yield _judged(numbers, answers, rule)

    def close(self) -> None:
        """Free the models' memory."""
        for loaded in self._loaded.values():
            loaded.close()
        self._loaded.clear()

    def _model(self, model: RewardModel) -> "_Loaded":
        found = self._loaded.get(model.fingerprint)
        if found is None:
            found = _Loaded(model)
            if found.backend.alone:
                for other in [one for one in self._loaded.values() if one.backend.alone]:
                    other.close()
            self._loaded[model.fingerprint] = found
        return found


class _Loaded:
    """A reward model, its tokenizers and what it has said."""

    def __init__(self, model: RewardModel) -> None:
        self.model = model
        self.backend = variant_class("rewards.models", model.settings.backend, Backend)  # type: ignore[type-abstract]  # a subclass of it
        if self.backend.alone and len(model.members) > 1:
            raise ConfigError(
                f"model {model.name}: {model.settings.backend} holds one model; an ensemble needs another"
            )
        self._readers = [Reader(model, member) for member in model.members]
        self._running: list[Backend] = []
        self._said: dict[bytes, Answer] = {}

    def answers(self, rows: Sequence[Row]) -> Iterator[tuple[list[int], list[Answer]]]:
        """Places of rows with what the model says of them: what is known first, then batch by batch."""
        keys = [_key(row) for row in rows]
        known = [place for place, key in enumerate(keys) if key in self._said]
        if known:
            yield known, [self._said[keys[place]] for place in known]
        new = [place for place, key in enumerate(keys) if key not in self._said]
        if len(self._said) + len(new) > REMEMBERED:
            self._said.clear()
        for places, answers in self._judged([rows[place] for place in new]):
            self._said.update((keys[new[place]], answer) for place, answer in zip(places, answers, strict=True))
            yield [new[place] for place in places], answers

    def close(self) -> None:
        """Free the memory; it can be loaded again."""
        for backend in self._running:
            backend.close()
        self._running.clear()

    def _judged(self, rows: Sequence[Row]) -> Iterator[tuple[list[int], list[Answer]]]:
        """As `answers`, of rows that nothing is known of."""
        read = list(zip(*(reader.read(rows) for reader in self._readers), strict=True))
        good = [place for place, one in enumerate(read) if all(member.ids is not None for member in one)]
        bad = sorted(set(range(len(rows))) - set(good))
        lengths = [max(len(member.ids) for member in read[place] if member.ids is not None) for place in good]
        many = list(batches(lengths, self.backend.batch_tokens(self.model.settings))) or [[]]
        for number, batch in enumerate(many):
            places = [good[place] for place in batch]
            answers = dict(zip(places, self._said_of([read[place] for place in places]), strict=True))
            # among the others: a long row of equal failures would look like a broken model
            answers |= {
                place: Answer(None, self._reason(read[place], failed=True)) for place in bad[number :: len(many)]
            }
            if answers:
                yield sorted(answers), [answers[place] for place in sorted(answers)]

    def _said_of(self, read: Sequence[Sequence[Read]]) -> list[Answer]:
        """What the model says of a batch, each in the time of one."""
        if not read:
            return []
        started = time.monotonic()
        outputs = self._outputs(read)
        each = (time.monotonic() - started) / len(read)
        return [Answer(values, self._reason(one), each) for values, one in zip(outputs, read, strict=True)]

    def _outputs(self, read: Sequence[Sequence[Read]]) -> Logits:
        """Outputs (rows, members, labels) of a batch."""
        if not self._running:
            self._running += [self.backend(member, self.model.settings) for member in self.model.members]
        found = []
        for place, (backend, member) in enumerate(zip(self._running, self.model.members, strict=True)):
            logits = backend.logits([ids for row in read if (ids := row[place].ids) is not None])
            found.append(_in_unit(logits, member, self.model.settings))
        return np.stack(found, axis=1)

    def _reason(self, read: Sequence[Read], *, failed: bool = False) -> str:
        said = [one.reason for one in read if one.reason and (one.ids is None or not failed)]
        return "; ".join(dict.fromkeys(said))


def _in_unit(logits: Logits, member: Member, settings: ModelSettings) -> Logits:
    if settings.unit == "raw" or member.scale is None:
        return logits
    mean, std = member.scale
    return np.asarray(logits * np.array(std) + np.array(mean), np.float64)


def _key(row: Row) -> bytes:
    text = canonical_json([row.messages, row.completion, row.tools])
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _judged(numbers: pa.Array, answers: Sequence[Answer], rule: ModelRule) -> Judged:
    found = [_outcome(answer, rule) for answer in answers]
    codes, values, reasons = (list(column) for column in zip(*found, strict=True))
    seconds = pa.array([answer.seconds for answer in answers], pa.float64())
    value = pa.array(values, pa.float64())
    return block(numbers, pa.array(codes, pa.int8()), value, pa.array(reasons, pa.string()), seconds)


def _outcome(answer: Answer, rule: ModelRule) -> tuple[int, float, str]:
    """Code, value and reason of one output."""
    if answer.outputs is None:
        return ERROR, 0.0, answer.reason
    label, _, what = rule.output.rpartition(".")
    label = label if what == DISAGREEMENT and label else rule.output
    said = answer.outputs[:, rule.model.members[0].labels.index(label)]
    value = _deviation(said) if label != rule.output else _combined(said, rule.model.settings)
    if not math.isfinite(value):
        return ERROR, 0.0, f"the model returned {value}"
    if len(said) == 1:
        return OK, value, answer.reason
    members = f"{', '.join(f'{one:.4g}' for one in said)}; deviation {_deviation(said):.4g}"
    return OK, value, "; ".join(filter(None, (members, answer.reason)))


def _combined(said: Logits, settings: ModelSettings) -> float:
    """An ensemble's value. Coste et al. 2023, "Reward Model Ensembles Help Mitigate Overoptimization", section 3."""
    if settings.ensemble == "min":
        return float(said.min())
    mean = float(said.mean())
    return mean - settings.k * _deviation(said) if settings.ensemble == "mean_minus_std" else mean


def _deviation(said: Logits) -> float:
    return float(said.std(ddof=1)) if len(said) > 1 else 0.0
