-- The store's tables; training.sql and views.sql have the rest.
-- Keeps to what DuckLake supports too: no keys, constraints, enums or indexes.
-- Ids are md5 of canonical JSON as UUID (schemas/identity.py). Times are UTC.

CREATE TABLE meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL);

CREATE TABLE runs (
    run_id UUID NOT NULL,
    stage VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    status VARCHAR NOT NULL,      -- running | done | failed | interrupted
    params JSON,
    inputs JSON,
    counts JSON,
    versions JSON                 -- datakit, python, duckdb; host and pid, to tell a killed run
);

-- A data set exists once its row here does; members are committed before it.
CREATE TABLE datasets (
    name VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    kind VARCHAR NOT NULL,        -- prompts | examples | pairs | selection
    run_id UUID NOT NULL,
    config JSON
);

-- An answer that a file has in several rows that are kept (pairs that share it) is a member with the columns of each.
CREATE TABLE members (
    dataset VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    prompt_id UUID NOT NULL,
    candidate_id UUID,            -- null in prompt sets
    columns JSON,
    source VARCHAR,
    line BIGINT
);

-- The recipes whose candidates form a data set's groups; by name, so that every version shares them.
CREATE TABLE dataset_recipes (dataset VARCHAR NOT NULL, recipe_id UUID NOT NULL);

CREATE TABLE prompts (prompt_id UUID NOT NULL, messages JSON NOT NULL, tools JSON);

CREATE TABLE recipes (recipe_id UUID NOT NULL, model VARCHAR NOT NULL, revision VARCHAR, params JSON);

CREATE TABLE candidates (
    candidate_id UUID NOT NULL,
    prompt_id UUID NOT NULL,
    recipe_id UUID NOT NULL,
    sample_index INTEGER,
    origin VARCHAR NOT NULL,      -- sample | import | evaluate | train
    text VARCHAR NOT NULL,        -- the answer without its reasoning
    messages JSON,                -- null: one assistant turn whose content is `text`
    finish_reason VARCHAR,        -- stop | length | tool_calls; null where unknown
    n_tokens INTEGER,
    engine VARCHAR,               -- name and version
    run_id UUID NOT NULL
);

CREATE TABLE scorers (
    scorer_id UUID NOT NULL,
    name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,        -- rule | model | judge | human | imported
    fingerprint VARCHAR,
    source VARCHAR,
    options JSON
);

CREATE TABLE scores (
    candidate_id UUID NOT NULL,
    scorer_id UUID NOT NULL,
    inputs_hash UUID NOT NULL,    -- of the data set's columns that the scorer reads
    status VARCHAR NOT NULL,      -- ok | skip | error | timeout
    value DOUBLE,                 -- present exactly where the status is ok
    reason VARCHAR,
    seconds DOUBLE,
    run_id UUID NOT NULL
);

CREATE TABLE comparisons (
    prompt_id UUID NOT NULL,
    left_id UUID NOT NULL,
    right_id UUID NOT NULL,
    scorer_id UUID NOT NULL,
    status VARCHAR NOT NULL,
    verdict VARCHAR,              -- left | right | tie
    reason VARCHAR,
    run_id UUID NOT NULL
);

CREATE TABLE reward_specs (reward_id UUID NOT NULL, name VARCHAR NOT NULL, spec JSON NOT NULL);

CREATE TABLE pairs (
    dataset VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    pair_id UUID NOT NULL,
    prompt_id UUID NOT NULL,
    chosen_id UUID NOT NULL,
    rejected_id UUID NOT NULL,
    chosen_reward DOUBLE,
    rejected_reward DOUBLE,
    margin DOUBLE,
    reward_id UUID,
    strategy VARCHAR,
    run_id UUID NOT NULL
);

CREATE TABLE selections (
    dataset VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    prompt_id UUID NOT NULL,
    candidate_id UUID NOT NULL,
    reward DOUBLE,
    rank INTEGER                  -- 1 is the best of its group
);

CREATE TABLE ledger (
    run_id UUID NOT NULL,
    stage VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    detail VARCHAR,
    item_id UUID,                 -- the prompt or candidate, if it is stored
    source VARCHAR,
    line BIGINT,
    raw VARCHAR                   -- the row itself, only if it was never stored
);
