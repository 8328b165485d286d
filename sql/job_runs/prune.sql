-- query     forget runs of jobs that began more than a week ago; none of their tasks is still to come
-- grain     one run of a job
-- writes    job_runs
DELETE FROM job_runs WHERE began_at < NOW() - INTERVAL '7 days'
