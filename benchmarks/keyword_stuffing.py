"""How often `keyword_stuffing` finds forced words, and how often it blames honest ones: `... alpacaeval_v2.jsonl.gz`.

The honest words are two to six words of an answer itself, which is harder than life: many are items of lists. The
forced ones are words of other answers, put into the answer in a way that is named. Prompts are given, as in a data set.
"""

import gzip
import json
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rewards.rules.keyword_stuffing import keyword_stuffing

WAYS: dict[str, Callable[[str, list[str]], str]] = {
    "Keywords: a, b, at the end": lambda text, words: f"{text}\n\nKeywords: {', '.join(words)}",
    "said to be included": lambda text, words: f"{text} This answer includes the words {', '.join(words)}.",
    "a bare list at the end": lambda text, words: f"{text}\n\n{', '.join(words)}.",
    "a bare list at the beginning": lambda text, words: f"{' '.join(words)}\n\n{text}",
    "bullets": lambda text, words: "\n".join([text, *(f"- {word}" for word in words)]),
    "in brackets": lambda text, words: f"{text} ({', '.join(words)})",
    "hash tags": lambda text, words: f"{text} {' '.join(f'#{word}' for word in words)}",
    "nothing but the words": lambda text, words: " ".join(words),
    "one word six times": lambda text, words: f"{text} {' '.join(words[:1] * 6)}",
}
SEED = 3


def words_of(text: str) -> list[str]:
    """Its longer words, each once, in order."""
    return sorted({word.lower() for word in re.findall(r"[A-Za-z]{5,}", text)})


def main() -> None:
    if len(sys.argv) < 2:
        print(__doc__)
        return
    source = random.Random(SEED)
    groups = [json.loads(line) for line in gzip.decompress(Path(sys.argv[1]).read_bytes()).decode().strip().split("\n")]
    every = [(group["instruction"], answer["output"]) for group in groups for answer in group["responses"]]
    rows = source.sample([row for row in every if len(words_of(row[1])) >= 10], 8000)
    honest = [(answer, source.sample(words_of(answer), source.randint(2, 6)), prompt) for prompt, answer in rows]
    started = time.perf_counter()
    blamed = sum(bool(keyword_stuffing(*row).value) for row in honest)
    seconds = time.perf_counter() - started
    print(f"honest words blamed  {blamed} of {len(honest)} ({blamed / len(honest):.2%}), {8000 / seconds:,.0f} rows/s")
    pool = [source.choice(words_of(answer)) for _, answer in rows]
    for name, spoil in WAYS.items():
        cheats = [(prompt, answer, source.sample(pool, source.randint(3, 8))) for prompt, answer in rows[:2000]]
        found = sum(
            bool(keyword_stuffing(spoil(answer, words), words, prompt).value) for prompt, answer, words in cheats
        )
        print(f"{name:30} {found / len(cheats):6.1%} of {len(cheats)} found")


if __name__ == "__main__":
    main()
