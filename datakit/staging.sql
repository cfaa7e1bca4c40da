-- Where ingest gathers a file before anything is stored: rows in bounded batches, narrow tables of ids beside the texts.
-- Ids are made here, a column at a time, of canonical JSON that Python wrote (schemas/identity.py).

CREATE TABLE rows (
    row BIGINT, batch INTEGER, source VARCHAR, line BIGINT, prompt_id UUID,
    messages VARCHAR, tools VARCHAR, columns VARCHAR
);
CREATE TABLE answers (
    row BIGINT, slot INTEGER, batch INTEGER, prompt_id UUID, candidate_id UUID, recipe_id UUID,
    text VARCHAR, messages VARCHAR,
    columns VARCHAR               -- null: the row's
);
-- What may become a member: an answer, or the prompt of a row without answers.
CREATE TABLE parts (row BIGINT, slot INTEGER, item_id UUID, columns_id UUID);
CREATE TABLE verdicts (
    row BIGINT, prompt_id UUID, left_id UUID, right_id UUID, scorer VARCHAR, kind VARCHAR, verdict VARCHAR, reason VARCHAR
);
CREATE TABLE ratings (row BIGINT, candidate_id UUID, scorer VARCHAR, kind VARCHAR, value DOUBLE);
-- part: only a part of the row was left out, the row itself was read.
CREATE TABLE refused (
    row BIGINT, batch INTEGER, part BOOLEAN, reason VARCHAR, detail VARCHAR, item_id UUID,
    source VARCHAR, line BIGINT, raw VARCHAR
);
