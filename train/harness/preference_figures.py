"""How a reward model does on held-out pairs: accuracy, calibration, and whether it only prefers longer answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from schemas.report import Table

Numbers = npt.NDArray[np.float64]

Z = 1.959964
"""The 97.5 % quantile of the normal distribution: 95 % intervals."""
BINS = 10
LIKE = 0.1
"""Two answers are about equally long if they differ by at most this share of the longer one."""
GROUPS = ("longer", "equal", "shorter")
TITLES = {"longer": "chosen longer", "equal": f"within {LIKE:.0%}", "shorter": "chosen shorter"}
ONLY_LONGER = (0.5, 0.7)
"""Below the first where the chosen answer is shorter, above the second where it is longer: the model goes by length."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of pairs, with its 95 % interval."""

    right: int
    pairs: int

    @property
    def value(self) -> float | None:
        """None where there are no pairs."""
        return self.right / self.pairs if self.pairs else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """See `wilson`."""
        return wilson(self.right, self.pairs) if self.pairs else None

    def cells(self) -> tuple[object, ...]:
        """Pairs, share and interval, for a table."""
        ends = self.interval
        return self.pairs, rounded(self.value), f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else ""


def wilson(right: int, many: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927, "Probable Inference, the Law of Succession, and Statistical
    Inference")."""
    share, spread = right / many, Z**2 / many
    middle = (share + spread / 2) / (1 + spread)
    half = sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def accuracy(margins: Numbers) -> Share:
    """Pairs whose chosen answer has the higher reward; a tie is wrong, as it is to TRL."""
    return Share(int((margins > 0).sum()), len(margins))


def calibration(margins: Numbers) -> list[tuple[int, float, float]]:
    """Pairs, mean confidence and accuracy by bins of confidence, from the lowest; empty bins are left out.

    The confidence is the probability of the answer that the model prefers, sigmoid(abs(margin)). Bins are `BINS` of
    equal width over 0 to 1, of which two answers fill the upper half (Guo et al. 2017, "On Calibration of Modern Neural
    Networks", section 2).
    """
    confidence = 1 / (1 + np.exp(-np.abs(margins)))
    places = np.minimum(np.ceil(confidence * BINS).astype(int), BINS)  # bin m is ((m - 1) / M, m / M]
    found = []
    for place in np.unique(places):
        inside = places == place
        found.append((int(inside.sum()), float(confidence[inside].mean()), float((margins[inside] > 0).mean())))
    return found


def calibration_error(margins: Numbers) -> float:
    """Expected calibration error (Guo et al. 2017, equation 3), 0 to 1."""
    return sum(many * abs(right - sure) for many, sure, right in calibration(margins)) / len(margins)


def by_length(margins: Numbers, chosen: Numbers, rejected: Numbers) -> dict[str, Share]:
    """Accuracy where the chosen answer is longer, about as long (see `LIKE`), and shorter.

    Args:
        margins: (n) reward of the chosen minus the rejected answer.
        chosen: (n) lengths of the chosen answers.
        rejected: (n) lengths of the rejected ones, in the same unit.
    """
    alike = np.abs(chosen - rejected) <= LIKE * np.maximum(chosen, rejected)
    masks = {"longer": ~alike & (chosen > rejected), "equal": alike, "shorter": ~alike & (chosen < rejected)}
    return {name: accuracy(margins[masks[name]]) for name in GROUPS}


def prefers_longer(groups: dict[str, Share]) -> bool:
    """Whether the model is right where the chosen answer is longer, and wrong where it is shorter."""
    low, high = ONLY_LONGER
    longer, shorter = groups["longer"].value, groups["shorter"].value
    return longer is not None and shorter is not None and shorter < low and longer > high


def pair_metrics(margins: Numbers, groups: dict[str, Share]) -> dict[str, float]:
    """Figures of held-out pairs, by name."""
    whole = accuracy(margins)
    low, high = whole.interval or (0.0, 1.0)
    figures = {"accuracy": whole.value, "accuracy_low": low, "accuracy_high": high}
    figures |= {"calibration_error": calibration_error(margins), "margin": float(margins.mean())}
    figures |= {f"accuracy_chosen_{name}": share.value for name, share in groups.items()}
    return {f"held_out/{name}": round(value, 4) for name, value in figures.items() if value is not None}


def pair_tables(margins: Numbers, groups: dict[str, Share]) -> Sequence[Table]:
    """Accuracy by length difference, and calibration, for the report."""
    rows = [(TITLES[name], *share.cells()) for name, share in groups.items()]
    bins = tuple((many, rounded(sure), rounded(right)) for many, sure, right in calibration(margins))
    return (
        Table(
            title="Accuracy on held-out pairs, by length in characters",
            columns=("pairs whose", "pairs", "accuracy", "95 % interval"),
            rows=(("all", *accuracy(margins).cells()), *rows),
        ),
        Table(
            title=f"Calibration on held-out pairs (expected error {calibration_error(margins):.3f})",
            columns=("pairs", "confidence", "accuracy"),
            rows=bins,
        ),
    )


def rounded(value: float | None) -> float | None:
    """For a table."""
    return None if value is None else round(value, 3)
