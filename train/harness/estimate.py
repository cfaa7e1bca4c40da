"""`--dry-run`: steps, tokens, memory and the config that would take effect."""

from collections import Counter
from typing import Any

from datakit.progress import track
from schemas.report import Report, Table
from train.harness.models import load_tokenizer, model_shape
from train.harness.plan import Plan

SAMPLE = 2000
"""Rows that are tokenized to estimate the tokens."""
GIB = 2**30


def describe(plan: Plan) -> Report:
    """What a training would do; nothing is loaded but the tokenizer, nothing is written.

    Raises:
        NotFoundError: the model has no tokenizer.
        ConfigError: it has no chat template.
    """
    arguments = plan.settings.arguments
    tokenizer = load_tokenizer(plan.model, arguments)
    lengths = _lengths(plan, tokenizer)
    limit = getattr(arguments, "max_length", None) or max(lengths)
    mean = sum(min(length, limit) for length in lengths) / len(lengths)
    steps = plan.settings.trainer.steps(plan.rows.size, arguments)
    rows_seen = steps * rows_per_step(arguments)
    if arguments.max_steps <= 0 and not _generated(arguments):  # an epoch's last batch may be smaller
        rows_seen = min(rows_seen, round(arguments.num_train_epochs * plan.rows.size))
    tokens = {"tokens a row (mean)": round(mean, 1), "tokens in all, about": round(mean * rows_seen)}
    figures = {
        "rows": plan.rows.size,
        "held-out rows": len(plan.rows.validation) if plan.rows.validation is not None else 0,
        "optimizer steps": steps,
        "rows a step": rows_per_step(arguments),
        **tokens,
        **_memory(plan, min(max(lengths), limit)),
    }
    config = tuple(sorted((name, str(value)) for name, value in plan.settings.described.items()))
    return Report(
        stage=f"train {plan.method}",
        dataset=plan.rows.dataset.name,
        version=plan.rows.dataset.version,
        counts={"rows": plan.rows.size},
        reasons=Counter(str(row["reason"]) for row in plan.rows.dropped),
        notes=("dry run: nothing was started", *plan.settings.notes),
        tables=(
            Table(title="Estimate", columns=("figure", "value"), rows=tuple(figures.items())),
            Table(title="Config (the rest is TRL's defaults)", columns=("option", "value"), rows=config),
        ),
    )


def rows_per_step(arguments: Any) -> int:
    """Rows of one optimizer step, over all processes."""
    return int(arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps * arguments.world_size)


def optimizer_steps(rows: int, arguments: Any) -> int:
    """Optimizer steps of a training on so many rows, as transformers counts them."""
    if arguments.max_steps > 0:
        return int(arguments.max_steps)
    batches = -(-rows // (arguments.per_device_train_batch_size * arguments.world_size))
    an_epoch = max(1, -(-batches // arguments.gradient_accumulation_steps))
    return int(-(-arguments.num_train_epochs * an_epoch // 1))


def _generated(arguments: Any) -> int:
    """Longest answer of a method that trains on its own: the tokens are those of the longest answers then."""
    return getattr(arguments, "max_completion_length", None) or 0


def _lengths(plan: Plan, tokenizer: Any) -> list[int]:
    """Tokens of rows: prompt with answer, or with the longer of two. A sample that is spread over the set."""
    rows = plan.rows.train
    step = max(1, len(rows) // SAMPLE)
    sampled = rows.select(range(0, len(rows), step))
    sides = [name for name in ("completion", "chosen", "rejected") if name in rows.column_names]
    lengths = []
    with track("counting tokens", len(sampled)) as bar:
        for row in sampled:
            turns = [row["prompt"] + row[side] for side in sides] or [row["prompt"]]
            found = [tokenizer.apply_chat_template(said, return_dict=False) for said in turns]
            lengths.append(max(map(len, found)) + _generated(plan.settings.arguments))
            bar.advance()
    return lengths


def _memory(plan: Plan, longest: int) -> dict[str, Any]:
    """Memory of the weights with what belongs to them, and of one micro-batch of the longest rows; in GiB.

    Weights, gradients and Adam's two moments: 16 bytes a weight that is trained in 32 bits (Rajbhandari et al. 2020,
    "ZeRO", section 3.1, has the same sum for mixed precision). Activations: s b h L (34 + 5 a s / h) bytes in 16 bits
    (Korthikanti et al. 2022, equation 2), twice that in 32, and the logits and their gradient.
    """
    shape = model_shape(plan.model)
    if shape is None:
        return {"memory": "unknown: the model's config cannot be read"}
    arguments, lora = plan.settings.arguments, bool(plan.settings.model_arguments.use_peft)
    width = 2 if arguments.bf16 or arguments.fp16 else 4
    batch = arguments.per_device_train_batch_size * (2 if "chosen" in plan.rows.train.column_names else 1)
    per_layer = 34 + 5 * shape.heads * longest / shape.hidden
    kept = 1 if arguments.gradient_checkpointing else shape.layers
    activations = longest * batch * shape.hidden * kept * per_layer * width / 2
    logits = longest * batch * shape.vocabulary * (4 + width)
    reference = 4 * shape.weights if plan.method in ("dpo", "kto", "grpo", "ppo") and not lora else 0
    learners = 2 if plan.settings.described.get("critic") == "own" else 1
    state = shape.weights * (4 if lora else 16) * learners + reference
    return {
        "weights of the model": shape.weights,
        "GiB for weights, gradients, optimizer": round(state / GIB, 2),
        "GiB for a micro-batch of the longest rows": round((activations + logits) / GIB, 2),
    }
