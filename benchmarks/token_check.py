"""The token check of build-pairs: would the trainer still see two different sides after template and max_length?

    python benchmarks/token_check.py [--pairs 20000] [--rounds 3]

Pairs of 400 characters a side are checked with a BPE tokenizer of 16,000 words that the script trains, against what
TRL's DPOTrainer does to the same pairs in its own preprocessing (three `apply_chat_template` an example).
"""

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from rewards.tokens import Fate, PairText, differ_after_truncation, load_tokenizer

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SYLLABLES = ["ka", "lo", "mi", "ne", "ru", "ta", "vo", "se", "di", "pa", "gu", "fen", "tor", "bal", "sin", "mar"]


def made_up(count: int) -> list[PairText]:
    """Pairs of words of two to four syllables."""
    rng = random.Random(0)
    words = ["".join(rng.choices(SYLLABLES, k=rng.randint(2, 4))) for _ in range(20_000)]

    def text(size: int) -> str:
        return " ".join(rng.choices(words, k=size // 6))[:size]

    return [
        PairText(
            [{"role": "user", "content": text(120)}],
            [{"role": "assistant", "content": text(400)}],
            [{"role": "assistant", "content": text(400)}],
        )
        for _ in range(count)
    ]


def save_tokenizer(folder: Path, pairs: list[PairText]) -> None:
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=16_000, special_tokens=["<|im_start|>", "<|im_end|>"], show_progress=False)
    tokenizer.train_from_iterator((str(pair.chosen[0]) for pair in pairs[:5000]), trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, chat_template=CHATML, eos_token="<|im_end|>", pad_token="<|im_end|>"
    ).save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    pairs = made_up(arguments.pairs)
    with tempfile.TemporaryDirectory() as name:
        save_tokenizer(Path(name), pairs)
        from transformers import AutoTokenizer

        ours, theirs = load_tokenizer(name), AutoTokenizer.from_pretrained(name)
    times: dict[str, list[float]] = {"datakit": [], "trainer": []}
    for _ in range(arguments.rounds):
        started = time.perf_counter()
        fates = [
            fate
            for start in range(0, len(pairs), 8192)
            for fate in differ_after_truncation(ours, pairs[start : start + 8192], 1024)
        ]
        times["datakit"].append(time.perf_counter() - started)
        started = time.perf_counter()
        for pair in pairs:
            theirs.apply_chat_template(pair.prompt, add_generation_prompt=True)
            theirs.apply_chat_template([*pair.prompt, *pair.chosen])
            theirs.apply_chat_template([*pair.prompt, *pair.rejected])
        times["trainer"].append(time.perf_counter() - started)
    assert set(fates) == {Fate.DIFFER}
    medians = {side: statistics.median(found) for side, found in times.items()}
    for side, seconds in medians.items():
        print(f"{side}: {len(pairs) / seconds:,.0f} pairs/s")
    print(f"ratio of the times, datakit to trainer: {medians['datakit'] / medians['trainer']:.2f}")


if __name__ == "__main__":
    main()
