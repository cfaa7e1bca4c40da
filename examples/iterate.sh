#!/usr/bin/env bash
# Two rounds of generate, score, select, train: the model of the first round answers the prompts of the second.
#   PATH=.venv/bin:$PATH bash examples/iterate.sh [WORK_DIR] [PROMPTS_A_ROUND]
set -euo pipefail
cd "$(dirname "$0")/.."
export HF_HUB_OFFLINE=1
work=${1:-iterate} prompts=${2:-60}
export DATAKIT_STORE=$work/store.duckdb
mkdir -p "$work"

base=$(python examples/smollm2.py)
model=$base
for round in 1 2; do
    datakit ingest examples/prompts.jsonl --as "round$round" \
        --where "split = 'train' AND hash(prompt) % 2 = $((round - 1))" --limit "$prompts"
    datakit generate "round$round" --model "$model" -n 8 --max-tokens 200 --seed "$round"
    datakit score "round$round" --reward examples/reward.yaml
    datakit reject-sample "round$round" --reward examples/reward.yaml --share 0.25 --as "best$round"
    datakit train sft "best$round" --model "$model" --config examples/train/sft.yaml -o "$work/model$round"
    model=$work/model$round
done

datakit evaluate "$base" "$work/model1" "$work/model2" \
    --prompts examples/prompts.jsonl --as held-out --where "split = 'eval'" --limit "$prompts" \
    --reward examples/reward.yaml --guard examples/guard.yaml --max-tokens 200 --html "$work/evaluation.html"
