"""What methods share whose policy answers prompts and learns from a reward spec: settings, rows, records."""

from abc import abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from datakit.recipes import Recipe
from datakit.store import Store
from datakit.trl_rows import PROMPTS
from rewards.dialects.trl import trl
from rewards.engine import Limits
from rewards.model_files import content_revision
from rewards.spec import Reward, load_reward
from schemas.errors import ConfigError
from schemas.identity import content_id
from schemas.options import RecipeOptions, RewardOptions
from train.harness.completion_log import CompletionLog
from train.harness.folder import is_main_process
from train.harness.models import peft_config
from train.harness.prompt_lengths import Template, fitting
from train.harness.prompts import Choice, OtherN, columns_of, read_prompts
from train.harness.rows import Rows
from train.harness.sft_mix import mix_of, with_prompts_of
from train.harness.trainer import FOLDER, Job, Trainer

NO_LIMIT = 2**31 - 1


def _ordered(band: tuple[float, float]) -> tuple[float, float]:
    if band[0] >= band[1]:
        raise ValueError("write [low, high]")
    return band


Band = Annotated[tuple[float, float], AfterValidator(_ordered)]


class Online(Trainer):
    """A method on TRL's GRPOTrainer, which draws the answers."""

    form: ClassVar[str] = PROMPTS
    config_name: ClassVar[str] = "GRPOConfig"
    kl_option: ClassVar[str]
    """What holds the policy near the reference, for the advice when it does not."""

    validation: float = Field(0.0, ge=0, lt=1)
    """Share of the prompts that are held out; each evaluation answers them all, which is slow."""
    reward: Path | None = None
    """Reward spec, relative to the YAML; of a file of several: file.yaml:name."""
    rules: tuple[Path, ...] = ()
    """Files of rules, relative to the YAML; without `reward` all their rules, weight 1, mean."""
    rule_timeout: float = Field(5.0, gt=0)
    """Seconds that a rule may take for one answer."""
    rule_workers: int | None = Field(None, ge=1)
    """Processes that run rules; null: one a core."""
    kl_band: Band | None = (0.01, 0.05)
    """Between these the mean KL is expected to stay after the warm-up; null: it is not watched."""
    column_n: OtherN = "refuse"
    """What becomes of prompts whose column `n` is not num_generations: refused, left out, or treated like all."""
    pass_rate: Band | None = None
    """Leave out prompts whose stored answers have a mean reward outside, or all the same reward."""
    sft_dataset: str | None = Field(None, min_length=1)
    """Examples or a selection of the store, whose language-model loss is added."""
    sft_mix: float = Field(0.0, ge=0)
    """Weight of that loss."""
    sft_max_length: int = Field(1024, ge=2)
    """Longest of these examples, in tokens; more is cut off."""

    @field_validator("reward", "rules")
    @classmethod
    def _beside_the_yaml(cls, value: Any, info: ValidationInfo) -> Any:
        folder = (info.context or {}).get(FOLDER, Path())
        return tuple(folder / path for path in value) if isinstance(value, tuple) else value and folder / value

    def describe(self) -> dict[str, Any]:
        """Our settings; the reward by its content, wherever its files lie.

        Raises:
            ConfigError: there is none, or it is wrong.
            RuleError: one of its rules is.
        """
        reward = self._load()
        said = self.model_dump(mode="json", exclude={"rules", "rule_workers"})
        return said | {"reward": reward.name, "reward_id": reward.reward_id}

    def steps(self, rows: int, arguments: Any) -> int:
        """See the base class: an epoch is as many whole generation batches as the prompts fill."""
        if arguments.max_steps > 0:
            return int(arguments.max_steps)
        rounds = rows // _prompts_a_batch(arguments)
        parts = rounds * arguments.steps_per_generation * arguments.num_iterations
        an_epoch = max(1, -(-parts // arguments.gradient_accumulation_steps))
        return int(-(-arguments.num_train_epochs * an_epoch // 1))

    def read(self, store: Store, name: str, arguments: Any) -> Rows:
        """The prompts with their columns.

        Raises:
            NotFoundError: there is no such data set, or no such `sft_dataset`.
            ConfigError: the settings contradict each other, no prompt is left, or `sft_dataset` has no answers.
            RuleError: the reward reads a column that the prompts do not have.
        """
        if bool(self.sft_mix) != bool(self.sft_dataset):
            raise ConfigError("sft_mix (a weight above 0) and sft_dataset (the examples) go together; set both or none")
        reward = self._load()
        choice = Choice(self.validation, arguments.seed, arguments.num_generations, self.column_n, self.pass_rate)
        rows = read_prompts(store, name, reward, choice)
        _refuse_few(rows, arguments)
        return with_prompts_of(rows, store, self.sft_dataset) if self.sft_dataset else rows

    def check(self, job: Job) -> None:
        """Refuse vLLM where there is none, or no GPU for it.

        Raises:
            ConfigError: see above.
        """
        if job.arguments.use_vllm and job.arguments.use_cpu:
            raise ConfigError("use_vllm needs a GPU; leave it out on a CPU, and transformers generates")
        if job.arguments.use_vllm and find_spec("vllm") is None:
            raise ConfigError("use_vllm needs vLLM: pip install 'datakit[vllm]', or leave it out")

    def build(self, job: Job, model: Any) -> Any:
        """See the base class."""
        from train.harness.kl_band import KlBand
        from train.harness.online_reward import OnlineReward, Policy
        from train.harness.online_trainer import ends_of
        from train.harness.whole_rollouts import WholeRollouts

        prompt_end = _fit_prompts(job, model)
        policy = Policy(job.model, ends_of(model, job.tokenizer), prompt_end)
        reward = self._load()
        worker = self.worker(
            job,
            {
                "model": model,
                "args": job.arguments,
                "train_dataset": job.rows.train,
                "eval_dataset": job.rows.validation,
                "processing_class": job.tokenizer,
                "peft_config": peft_config(job),
                "reward": OnlineReward(
                    reward, Limits(self.rule_timeout, self.rule_workers), policy, columns_of(job.rows)
                ),
                "completions": _completion_log(job, reward),
                "mix": mix_of(job, self.sft_dataset, self.sft_mix, self.sft_max_length) if self.sft_dataset else None,
            },
        )
        worker.add_callback(WholeRollouts(job.arguments.steps_per_generation * job.arguments.num_iterations))
        if self.kl_band and job.arguments.beta:
            worker.add_callback(
                KlBand(self.kl_band, f"{self.kl_option} ({job.arguments.beta:g})", self.policy_starts())
            )
        return worker

    def policy_starts(self) -> int:
        """The optimizer steps before the policy begins to learn."""
        return 0

    @abstractmethod
    def worker(self, job: Job, given: dict[str, Any]) -> Any:
        """An `OnlineTrainer` of these arguments, or one derived from it."""

    def finish(self, job: Job, trainer: Any) -> None:
        """Commit the last completions; say where they are, and how the KL went."""
        from train.harness.kl_band import KlBand

        if trainer.completions is not None:
            trainer.completions.flush()
            job.notes.append(
                f"{job.run.counts['completions']:,} completions with their outcomes are in the store (origin train, "
                f"recipe {_recipe(job).recipe_id[:8]})"
            )
        for callback in trainer.callback_handler.callbacks:
            if isinstance(callback, KlBand) and (note := callback.note()):
                job.notes.append(note)

    def _load(self) -> Reward:
        reward = load_reward(RewardOptions(reward=self.reward, rules=self.rules))
        trl(reward)  # refuses what a trainer cannot do
        return reward


def _fit_prompts(job: Job, model: Any) -> str:
    """Leave out prompts that do not fit the model's context with their answers; returns how prompts end.

    Raises:
        TemplateError: the chat template refuses a prompt.
        ConfigError: too few are left.
    """
    context = getattr(model.config.get_text_config(), "max_position_embeddings", NO_LIMIT)
    template = Template(job.tokenizer, job.arguments.chat_template_kwargs or {})
    job.rows = fitting(job.rows, template, (context, job.arguments.max_completion_length or 0))
    _refuse_few(job.rows, job.arguments)
    return template.end_of(job.rows.train[0]["prompt"])


def _refuse_few(rows: Rows, arguments: Any) -> None:
    """Raises:
    ConfigError: TRL would find no whole batch of groups.
    """
    needed = _prompts_a_batch(arguments)
    if rows.size < needed:
        raise ConfigError(
            f"{rows.dataset}: {rows.size} prompts do not fill a generation batch of {needed} (generation_batch_size "
            f"{arguments.generation_batch_size} / num_generations {arguments.num_generations}); lower "
            "per_device_train_batch_size or gradient_accumulation_steps"
        )


def _prompts_a_batch(arguments: Any) -> int:
    return int(arguments.generation_batch_size // arguments.num_generations)


def _completion_log(job: Job, reward: Reward) -> CompletionLog | None:
    """Where completions go; only one process writes."""
    if not is_main_process():
        return None
    return job.closing.enter_context(CompletionLog(job.run, job.rows.dataset.name, _recipe(job), reward))


def _recipe(job: Job) -> Recipe:
    """What the completions of this training are drawn by: its id tells it from all others, sampled or trained."""
    arguments = job.arguments
    local = Path(job.model).is_dir()
    extra = {name: getattr(arguments, name) for name in ("top_k", "min_p", "repetition_penalty")}
    options = RecipeOptions(
        temperature=arguments.temperature,
        top_p=arguments.top_p,
        max_tokens=arguments.max_completion_length or NO_LIMIT,
        seed=arguments.seed,
        template=arguments.chat_template_kwargs or {},
        sampling={name: value for name, value in extra.items() if value is not None},
    )
    revision = content_revision(Path(job.model)) if local else job.model_arguments.model_revision
    return Recipe(content_id(["train", job.identity]), job.model, revision, options)
