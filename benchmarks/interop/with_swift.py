"""ms-swift's own loader imports the exported plug-in, and its registry makes the reward.

    python benchmarks/interop/with_swift.py

`import_external_file` is what `--external_plugins` calls; the class is made and called as GRPO does (texts and columns)
and as `swift sample` does (requests and ground truths). No model and no GPU are needed.
"""

import os
import sys

TOLD = {"42": 1.0, "41": 0.0, "skip": None, "raise": None}


def inside() -> None:
    """In the environment that has ms-swift."""
    from swift.infer_engine import InferRequest
    from swift.rewards import ORM, orms
    from swift.utils import import_external_file

    import_external_file(os.environ["DATAKIT_SHIM"])
    kind = orms["datakit"]
    assert issubclass(kind, ORM)
    asked = [{"role": "user", "content": "6 x 7?"}]
    messages = [[*asked, {"role": "assistant", "content": answer}] for answer in TOLD]
    found = kind(args=None)(list(TOLD), answer=["42"] * 4, messages=messages, request_id=["a"] * 4)
    print("GRPO:", dict(zip(TOLD, found, strict=True)))
    assert found == list(TOLD.values())
    requests = [InferRequest(messages=turns) for turns in messages]
    found = kind()(requests, request_config=None, ground_truths=["42"] * 4)
    print("swift sample:", dict(zip(TOLD, found, strict=True)))
    assert found == [1.0, 0.0, 0.25, -1.0]


if __name__ == "__main__":
    if "INSIDE" in os.environ:
        inside()
    else:
        from environment import run_inside

        options = ("--to", "swift", "--label", "answer", "--on-skip", "0.25", "--on-error", "-1")
        sys.exit(
            run_inside(
                __file__,
                "ms-swift",
                "addict",
                "dacite",
                "modelscope",
                "modelscope_hub",
                "rouge",
                "json_repair",
                export=options,
            )
        )
