-- query     where the day's rows went
-- grain     status x reason
-- reads     bi_ledger
-- params    :day DATE
SELECT status, reason, n FROM bi_ledger WHERE run_date = :day ORDER BY n DESC, status, reason
