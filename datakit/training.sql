-- The tables about trainings; a store of schema version 3 lacks them.

-- What a training started from, and what came of it. Its run has the settings and the versions.
CREATE TABLE trainings (
    run_id UUID NOT NULL,
    method VARCHAR NOT NULL,      -- sft | reward | dpo | ppo | grpo | kto
    dataset VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    model VARCHAR NOT NULL,
    model_revision VARCHAR,       -- a hash of its files, as in recipes
    config JSON NOT NULL,         -- as it took effect
    output VARCHAR NOT NULL,      -- absolute path
    output_revision VARCHAR,      -- null until the end
    metrics JSON                  -- the last figures; null until the end
);

-- A training's figures as it went.
CREATE TABLE metrics (run_id UUID NOT NULL, step INTEGER NOT NULL, name VARCHAR NOT NULL, value DOUBLE);

-- Every prompt that a training saw (also to choose a checkpoint by), so that no evaluation asks it again.
CREATE TABLE trained_prompts (run_id UUID NOT NULL, prompt_id UUID NOT NULL);
