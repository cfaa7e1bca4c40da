-- The store's views; made anew whenever a store is made or migrated.

-- One outcome a candidate and scorer: `scores` also keeps those on a column's older values, so that a value that comes
-- back is not judged again.
CREATE OR REPLACE VIEW newest_scores AS
SELECT s.* FROM scores s LEFT JOIN runs r USING (run_id)
QUALIFY row_number() OVER (PARTITION BY candidate_id, scorer_id ORDER BY r.started_at DESC NULLS LAST) = 1;
