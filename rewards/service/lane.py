"""A lane of the service: a thread that judges one batch at a time, so that nothing of it runs in the event loop."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from rewards.engine import Limits
from rewards.item_judge import Block, Judge
from rewards.model_process import ModelProcess
from rewards.spec import Reward
from schemas.service import RewardItem


class Lane:
    """A judge and its thread; reward models have a process of their own.

    Args:
        reward: what judges.
        limits: of the rules.
        patience: seconds until a batch of a reward model must be finished.
    """

    def __init__(self, reward: Reward, limits: Limits, patience: float) -> None:
        self.since: float | None = None
        """When its batch was sent (monotonic clock, seconds); None while it is idle."""
        self._models = ModelProcess(patience)
        self._judge = Judge(reward, limits, self._models)
        self._thread = ThreadPoolExecutor(1, "datakit-lane")

    async def warm(self) -> None:
        """Start the worker processes and load the models, before the first batch.

        Raises:
            StageStopped: the processes do not start.
            UserError: a model cannot be loaded.
        """
        await asyncio.wrap_future(self._thread.submit(self._judge.warm))

    @property
    def trouble(self) -> str:
        """Why the reward models cannot be loaded; empty if they can."""
        return self._models.trouble

    async def judge(
        self, items: Sequence[RewardItem], deliver: Callable[[Block], None], unwanted: Callable[[], bool]
    ) -> BaseException | None:
        """Judge a batch; the lane is idle.

        Args:
            items: the batch.
            deliver: called in the event loop with items that have finished, each exactly once.
            unwanted: whether nobody waits for the batch any more; it is then given up between two blocks.

        Returns:
            What went wrong in the service itself; items that were not delivered then have no outcome.
        """
        loop = asyncio.get_running_loop()

        def work() -> None:
            with closing(self._judge.run(items)) as running:
                for block in running:
                    if block:
                        loop.call_soon_threadsafe(deliver, block)
                    if unwanted():
                        return

        self.since = time.monotonic()
        (error,) = await asyncio.gather(asyncio.wrap_future(self._thread.submit(work)), return_exceptions=True)
        self.since = None
        return error

    async def stop(self, patience: float) -> bool:
        """End the thread and the worker processes; False if its batch takes longer than `patience` seconds.

        Workers that are still busy then end with this process.
        """
        ended = asyncio.wrap_future(self._thread.submit(self._judge.close))
        self._thread.shutdown(wait=False)
        done, _ = await asyncio.wait([ended], timeout=patience)
        return bool(done)
