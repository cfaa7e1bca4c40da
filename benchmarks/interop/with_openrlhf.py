"""OpenRLHF's own executor asks for rewards: through a file, over HTTP, and of two servers at once.

    python benchmarks/interop/with_openrlhf.py

`SingleTurnAgentExecutor` is OpenRLHF's; its tokenizer and its engine are played by a tokenizer of words and by one that
has its answers ready, so that no model and no GPU are needed.
"""

import asyncio
import os
import sys
from types import SimpleNamespace
from typing import Any

PROMPT = "user : 6 x 7 ? assistant :"
TOLD = {"42": 1.0, "41": 0.0, "skip": 0.25, "raise": -1.0}


class Words:
    """A tokenizer whose tokens are words."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def __call__(self, text: str, **_: Any) -> Any:
        """Ids of a text, as OpenRLHF asks for them."""
        import torch

        return {"input_ids": torch.tensor([self.ids(text)])}

    def ids(self, text: str) -> list[int]:
        """Ids of the words."""
        self.words += [word for word in text.split(" ") if word not in self.words]
        return [self.words.index(word) for word in text.split(" ")]

    def decode(self, ids: list[int], **_: Any) -> str:
        """The text of ids."""
        return " ".join(self.words[one] for one in ids)


async def rewards_of(url: str | list[str], answers: list[str]) -> list[Any]:
    """What the executor comes to, one answer at a time."""
    from openrlhf.utils.agent import SingleTurnAgentExecutor

    executor, tokenizer, found = SingleTurnAgentExecutor(url), Words(), []
    for answer in answers:
        output = SimpleNamespace(token_ids=tokenizer.ids(answer + " </s>"), finish_reason="stop", logprobs=None)

        async def generate(*_: Any, output: Any = output, **__: Any) -> Any:
            return SimpleNamespace(outputs=[output])

        engine = SimpleNamespace(generate=generate)
        sampling = SimpleNamespace(max_tokens=8, logprobs=None)
        said = await executor.execute(PROMPT, "42", sampling, 64, tokenizer, engine)
        found.append(said["reward"] and said["reward"][0])
    return found


def inside() -> None:
    """In the environment that has OpenRLHF."""
    shim, url = os.environ["DATAKIT_SHIM"], f"{os.environ['DATAKIT_URL']}/get_reward"
    found = asyncio.run(rewards_of(shim, list(TOLD)))
    print("file:", dict(zip(TOLD, found, strict=True)))
    assert found == list(TOLD.values())
    answers = ["42", "41"]
    for urls in (url, [url, url]):
        found = asyncio.run(rewards_of(urls, answers))
        print("HTTP:", urls, found)
        assert found == [1.0, 0.0]


if __name__ == "__main__":
    if "INSIDE" in os.environ:
        inside()
    else:
        from environment import run_inside

        options = ("--to", "openrlhf", "--label", "answer", "--on-skip", "0.25", "--on-error", "-1")
        sys.exit(run_inside(__file__, "openrlhf", "pylatexenc", export=options))
