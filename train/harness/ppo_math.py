"""The arithmetic of PPO on answers: per-token rewards, advantages, the value loss; tensors in, tensors out.

Sources: Schulman et al. 2017, "Proximal Policy Optimization Algorithms"; Schulman et al. 2016, "High-Dimensional
Continuous Control Using Generalized Advantage Estimation"; Ziegler et al. 2019, "Fine-Tuning Language Models from Human
Preferences"; Stiennon et al. 2020, "Learning to summarize from human feedback"; Huang et al. 2024, "The N+
Implementation Details of RLHF with PPO". The clipped policy loss is TRL's (`GRPOTrainer`).

Shapes are (answers, tokens), short (B, T). A mask is 1 where a token counts, and its answer has a reward; answers begin
at token 0, padding follows.
"""

import math
from collections.abc import Callable
from typing import Any

import torch

Tensor = Any  # torch has no types here

WHITENING_FLOOR = 1e-8
"""Added to the variance, as in the code of Ziegler et al. 2019, whose details Huang et al. 2024 list."""


def alone(total: Tensor) -> Tensor:
    """The sum over all processes, where there is one."""
    return total


def token_rewards(scores: Tensor, log_ratio: Tensor, mask: Tensor, kl_coef: float) -> Tensor:
    """What each token earns: the answer's score at its last one, less the KL from the reference at each.

    -kl_coef * (log policy - log reference) for each sampled token, whose expectation is the KL divergence (Ziegler et
    al. 2019, equation 2; Stiennon et al. 2020, section 3.4; the estimator k1 of Schulman 2020, "Approximating KL
    divergence").

    Args:
        scores: (B,), of the answers; NaN where there is none.
        log_ratio: (B, T), log policy - log reference of the sampled tokens.
        mask: (B, T), 0 throughout an answer without a score.
        kl_coef: reward that one nat costs.
    """
    rewards = -kl_coef * log_ratio * mask
    last = mask.cumsum(1) == mask.sum(1, keepdim=True)
    at = last & mask.bool()
    return rewards + torch.where(at, scores.unsqueeze(1), 0.0)


def gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float) -> Tensor:
    """Generalized advantage estimates (Schulman et al. 2016, "GAE", equation 16).

    delta_t = r_t + gamma V_(t+1) - V_t, A_t = delta_t + gamma lam A_(t+1). After the last token V and A are 0: an
    answer that was cut off ends there like any other.

    Args:
        rewards: (B, T), see `token_rewards`.
        values: (B, T), the critic's estimates before each token.
        mask: (B, T).
        gamma: discount per token.
        lam: 1 is the whole return less the value, 0 the temporal difference of one token.
    """
    values = values * mask
    advantages = torch.zeros_like(values)
    ahead = value = torch.zeros_like(values[:, 0])
    for at in reversed(range(values.shape[1])):
        delta = rewards[:, at] + gamma * value - values[:, at]
        ahead = (delta + gamma * lam * ahead) * mask[:, at]
        value = values[:, at]
        advantages[:, at] = ahead
    return advantages


def masked_mean(found: Tensor, mask: Tensor, add: Callable[[Tensor], Tensor] = alone) -> Tensor:
    """Mean of the tokens that count, over all processes; 0 where none does.

    Args:
        found: (B, T).
        mask: (B, T).
        add: the sum of a tensor over all processes.
    """
    total = add(torch.stack([(found * mask).sum(), mask.sum().to(found.dtype)]))
    return total[0] / total[1].clamp(min=1.0)


def whiten(found: Tensor, mask: Tensor, add: Callable[[Tensor], Tensor] = alone) -> Tensor:
    """Mean 0 and variance 1 over the tokens that count; 0 elsewhere (Huang et al. 2024).

    Args:
        found: (B, T).
        mask: (B, T).
        add: the sum of a tensor over all processes; they share mean and variance.
    """
    centred = found - masked_mean(found, mask, add)
    variance = masked_mean(centred**2, mask, add)
    return centred * (variance + WHITENING_FLOOR).rsqrt() * mask


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip: float) -> Tensor:
    """Half the squared error of each value, clipped to stay near the value at the time of the rollout; (B, T).

    max((V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2) / 2: as the policy's, the pessimistic one of two (the code of
    Schulman et al. 2017; Huang et al. 2024).

    Args:
        values: (B, T), now.
        old_values: (B, T), when the answers were drawn.
        returns: (B, T), what they should be.
        clip: `cliprange_value`.
    """
    near = old_values + (values - old_values).clamp(-clip, clip)
    return torch.maximum((values - returns) ** 2, (near - returns) ** 2) / 2


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor, add: Callable[[Tensor], Tensor] = alone) -> float:
    """1 - Var(R - V) / Var(R): 1 foretells all, 0 no more than a constant; NaN where all returns are alike.

    Args:
        values: (B, T), the critic's.
        returns: (B, T), what followed.
        mask: (B, T).
        add: the sum of a tensor over all processes.
    """

    def variance(found: Tensor) -> float:
        return float(masked_mean((found - masked_mean(found, mask, add)) ** 2, mask, add))

    spread = variance(returns)
    return 1 - variance(returns - values) / spread if spread > WHITENING_FLOOR else float("nan")


def kl_mean(log_ratio: Tensor, mask: Tensor, add: Callable[[Tensor], Tensor] = alone) -> float:
    """KL(policy, reference) per token: the mean of exp(-x) - 1 + x, x = log policy - log reference.

    The estimator k3 of Schulman 2020: unbiased as k1, never below 0, and of smaller variance; TRL's GRPO logs it too.

    Args:
        log_ratio: (B, T), of tokens that the policy sampled.
        mask: (B, T).
        add: the sum of a tensor over all processes.
    """
    return float(masked_mean((-log_ratio).exp() - 1 + log_ratio, mask, add))


def adapted(coefficient: float, kl: float, band: tuple[float, float], gain: float) -> float:
    """The KL coefficient after a batch of rollouts: higher where the policy drifts, lower where it is held too tightly.

    coefficient * (1 + gain * e), e = clip(kl / target - 1, -0.2, 0.2) (Ziegler et al. 2019, section 2.2), the target
    being the geometric middle of the band.

    Args:
        coefficient: until now.
        kl: per token, of the batch.
        band: lowest and highest KL per token.
        gain: 0.1 there, for thousands of batches.
    """
    target = math.sqrt(band[0] * band[1])
    error = min(max(kl / target - 1, -0.2), 0.2)
    return coefficient * (1 + gain * error)
