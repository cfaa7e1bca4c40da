"""A rubric of verifiers scores rollouts with the exported function.

    python benchmarks/interop/with_verifiers.py

verifiers 0.1.14 is the newest that installs here with the rubrics of INTEROP section 5 in its main package. No model is
called.
"""

import asyncio
import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

TOLD = {"42": 1.0, "41": 0.0, "skip": 0.25, "raise": -1.0}


async def scored(reward: Any) -> list[float]:
    """The rubric's rewards of all answers."""
    import verifiers as vf

    rubric = vf.Rubric(funcs=[reward])
    found = []
    for answer in TOLD:
        state = vf.State(
            prompt=[{"role": "user", "content": "6 x 7?"}],
            completion=[{"role": "assistant", "content": answer}],
            answer="42",
            info={},
            task="demo",
            timing={"scoring_ms": 0.0, "total_ms": 0.0},
            trajectory=[],
        )
        await rubric.score_rollout(state)
        found.append(state["reward"])
    return found


def inside() -> None:
    """In the environment that has verifiers."""
    spec = spec_from_file_location("shim", os.environ["DATAKIT_SHIM"])
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found = asyncio.run(scored(module.reward))
    print("rubric:", dict(zip(TOLD, found, strict=True)))
    assert found == list(TOLD.values())


if __name__ == "__main__":
    if "INSIDE" in os.environ:
        inside()
    else:
        from environment import run_inside

        options = ("--to", "verifiers", "--label", "answer", "--on-skip", "0.25", "--on-error", "-1")
        sys.exit(run_inside(__file__, "verifiers==0.1.14", "tenacity", "textarena", "nltk", export=options))
