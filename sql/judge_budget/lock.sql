-- query     lock one scope until the transaction ends, so that nobody else reserves from it
-- grain     one row
-- reads     judge_budget
-- params    :scope TEXT
SELECT b.scope FROM judge_budget AS b WHERE b.scope = :scope FOR UPDATE
