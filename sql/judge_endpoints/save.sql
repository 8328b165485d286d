-- query     remember what an endpoint takes
-- grain     one endpoint and model
-- writes    judge_endpoints
-- params    :endpoint, :judge_model, :form, :learned TEXT
INSERT INTO judge_endpoints (endpoint, judge_model, form, learned, checked_at)
VALUES (:endpoint, :judge_model, :form, :learned, NOW())
ON CONFLICT (endpoint, judge_model) DO UPDATE SET
    form = excluded.form, learned = excluded.learned, checked_at = excluded.checked_at
