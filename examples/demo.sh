#!/usr/bin/env bash
# The main job on a real model: `make demo`. Everything lands in demo/; a second run finds nothing left to generate.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p demo

model=$(python examples/smollm2.py)

datakit build-pairs examples/prompts.jsonl \
    --where "split = 'train'" --limit 44 \
    --model "$model" -n 6 --max-tokens 200 --seed 1 \
    --reward examples/reward.yaml \
    --store demo/demo.duckdb -o demo/pairs.jsonl

cat <<'EOF'

Look further:
  .venv/bin/datakit show prompts --store demo/demo.duckdb
  .venv/bin/datakit sql "SELECT name, status, count(*) FROM newest_scores JOIN scorers USING (scorer_id) GROUP BY ALL" --store demo/demo.duckdb
EOF
