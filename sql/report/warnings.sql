-- query     data checks that did not hold in the day's newest run
-- grain     one check
-- reads     gate_results
-- params    :day DATE
SELECT g.detail
FROM gate_results AS g
WHERE g.run_date = :day AND NOT g.success AND g.severity <> 'part'
    AND g.run_id = (SELECT n.run_id FROM gate_results AS n WHERE n.run_date = :day ORDER BY n.checked_at DESC LIMIT 1)
ORDER BY g.severity, g.detail
