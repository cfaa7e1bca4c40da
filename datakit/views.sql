-- The store's views; made anew whenever a store is made or migrated.

-- One outcome a candidate and scorer: `scores` also keeps those on a column's older values, so that a value that comes
-- back is not judged again.
CREATE OR REPLACE VIEW newest_scores AS
SELECT s.* FROM scores s LEFT JOIN runs r USING (run_id)
QUALIFY row_number() OVER (PARTITION BY candidate_id, scorer_id ORDER BY r.started_at DESC NULLS LAST) = 1;

-- The candidates of every version of every data set, with the columns that they are judged by: its groups as they are
-- without --recipe and --origin (datakit/groups.py).
CREATE OR REPLACE VIEW dataset_candidates AS
SELECT p.dataset, p.version, c.prompt_id, c.candidate_id, p.columns
FROM candidates c JOIN dataset_recipes r USING (recipe_id) JOIN (
    SELECT dataset, version, prompt_id, arg_min(columns, line) AS columns FROM members GROUP BY ALL
) p ON p.dataset = r.dataset AND p.prompt_id = c.prompt_id
SEMI JOIN datasets d ON d.name = p.dataset AND d.version = p.version
WHERE c.origin = 'sample'
UNION ALL
SELECT m.dataset, m.version, c.prompt_id, c.candidate_id, m.columns
FROM candidates c JOIN dataset_recipes r USING (recipe_id) JOIN (
    SELECT dataset, version, candidate_id, arg_min(columns, line) AS columns FROM members
    WHERE candidate_id IS NOT NULL GROUP BY ALL
) m ON m.dataset = r.dataset AND m.candidate_id = c.candidate_id
SEMI JOIN datasets d ON d.name = m.dataset AND d.version = m.version
WHERE c.origin = 'import';

-- One reward a candidate, for every reward by name, as its spec last was; empty until a stage has used one, which makes
-- the view anew (datakit/reward_view.py).
DELETE FROM meta WHERE starts_with(key, 'reward ');
CREATE OR REPLACE VIEW rewards AS
SELECT NULL::VARCHAR AS name, NULL::UUID AS reward_id, NULL::VARCHAR AS dataset, NULL::INTEGER AS version,
    NULL::UUID AS prompt_id, NULL::UUID AS candidate_id, NULL::DOUBLE AS reward, NULL::DOUBLE AS level,
    NULL::VARCHAR AS failed, NULL::VARCHAR AS reason
WHERE false;
