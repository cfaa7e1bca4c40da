"""A language model with a head of scores: loaded, padded, asked, and saved so that transformers and vLLM take it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from datakit.labelled_rows import PREFIX
from schemas.errors import ConfigError
from train.harness.folder import is_main_process
from train.harness.labelled import dimensions_of
from train.harness.models import load, peft_config
from train.harness.rows import Rows
from train.harness.trainer import Job

Numbers = npt.NDArray[np.float64]

ADAPTER = "adapter"
"""Folder in the output where the LoRA adapter is kept, beside the model that it was merged into."""
ADAPTER_FILES = ("adapter_model.safetensors", "adapter_config.json")


@dataclass(frozen=True, slots=True)
class Scale:
    """What people's scores are standardised by: score = output * std + mean, an entry a dimension.

    It stands in the saved model's config.json, as `score_scale: {mean: [...], std: [...]}`.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def to_people(self, outputs: Numbers) -> Numbers:
        """The model's outputs (n, dimensions) in the unit of the people who scored."""
        std, mean = np.array(self.std, dtype=np.float64), np.array(self.mean, dtype=np.float64)
        return np.asarray(outputs * std + mean, dtype=np.float64)


def scores_of(rows: Any) -> Numbers:
    """People's scores (n, dimensions) of a Hugging Face dataset; NaN where an answer lacks one."""
    names = [name for name in rows.column_names if name.startswith(PREFIX)]
    return np.array([rows[name][:] for name in names], dtype=np.float64).T.reshape(len(rows), len(names))


def scale_of(rows: Rows) -> Scale:
    """Mean and deviation of the scores that are trained on.

    Raises:
        ConfigError: those of a dimension are all equal, or all held out.
    """
    scores = scores_of(rows.train)
    for name, column in zip(dimensions_of(rows), scores.T, strict=True):
        there = column[~np.isnan(column)]
        if not len(there) or np.ptp(there) == 0:
            what = f"are all {there[0]:g}" if len(there) else "are all held out"
            raise ConfigError(f"{rows.dataset}: the scores of {name!r} {what}; there is nothing to learn from them")
    return Scale(tuple(np.nanmean(scores, axis=0).tolist()), tuple(np.nanstd(scores, axis=0).tolist()))


def load_sequence_model(job: Job) -> Any:
    """The model with a new head: one output for pairs (`reward`), or one a dimension, under its name in id2label.

    `problem_type: regression` says to transformers and to vLLM that an output is a number and no probability.

    Raises:
        NotFoundError: it cannot be loaded.
        ConfigError: it is a LoRA adapter, or the scores cannot be learnt.
    """
    from transformers import AutoModelForSequenceClassification, set_seed
    from trl.trainer.reward_trainer import suppress_seqcls_warning

    dimensions = dimensions_of(job.rows)
    names = dimensions or ("reward",)
    labels = {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {name: place for place, name in enumerate(names)},
    }
    set_seed(job.arguments.seed)  # the head is drawn at random
    with suppress_seqcls_warning():
        model = load(AutoModelForSequenceClassification, job, problem_type="regression", **labels)
    if dimensions:
        scale = scale_of(job.rows)
        model.config.score_scale = {"mean": list(scale.mean), "std": list(scale.std)}
    elif hasattr(model.config, "score_scale"):  # it was a model of people's scores
        del model.config.score_scale
    return model


def head_peft_config(job: Job) -> Any | None:
    """PEFT's config with the head among what is trained and saved; None without LoRA."""
    config = peft_config(job)
    if config is not None:
        config.task_type = "SEQ_CLS"
    return config


def separate_padding(tokenizer: Any) -> None:
    """Give the tokenizer a padding token that ends no text, where it pads with its end-of-sequence token.

    transformers reads the score at the last token that is no padding, vLLM at the last one: a text that ends in the
    padding token has two scores.
    """
    if tokenizer.pad_token_id != tokenizer.eos_token_id:
        return
    others = (tokenizer.unk_token, *tokenizer.all_special_tokens, tokenizer.bos_token)
    tokenizer.pad_token = next((one for one in others if one and one != tokenizer.eos_token), tokenizer.eos_token)


def refuse_padding(job: Job, ids: Sequence[int]) -> None:
    """See `separate_padding`; `ids` is a row as it is trained on.

    Raises:
        ConfigError: it ends in the padding token.
    """
    if ids[-1] == job.tokenizer.pad_token_id:
        raise ConfigError(
            f"{job.model} pads with {job.tokenizer.pad_token!r}, which also ends its texts, so that a score would be "
            "read at another token; add a padding token to the tokenizer"
        )


def finished_model(job: Job, trainer: Any) -> Any:
    """The trained model in evaluation mode. A LoRA adapter is merged into it, saved whole, and kept in `adapter/`."""
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False).eval()
    if not job.model_arguments.use_peft:
        return model
    model = model.merge_and_unload()
    if is_main_process():
        (job.output / ADAPTER).mkdir(exist_ok=True)
        for name in ADAPTER_FILES:
            if (job.output / name).exists():
                (job.output / name).replace(job.output / ADAPTER / name)
        model.save_pretrained(job.output)
    return model


def outputs_of(model: Any, rows: Sequence[Sequence[int]], job: Job) -> Numbers:
    """The model's outputs (n, labels) for rows of token ids, in their order; long rows go with long ones."""
    import torch

    order = np.argsort([-len(row) for row in rows], kind="stable")
    found = np.zeros((len(rows), model.config.num_labels))
    size = job.arguments.per_device_eval_batch_size
    for start in range(0, len(rows), size):
        places = order[start : start + size]
        parts = [torch.tensor(rows[place]) for place in places]
        ids = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True, padding_value=job.tokenizer.pad_token_id)
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(part) for part in parts], batch_first=True)
        with torch.no_grad():
            given = {"input_ids": ids.to(model.device), "attention_mask": mask.to(model.device)}
            found[places] = model(**given, use_cache=False).logits.float().cpu().numpy()
    return found
