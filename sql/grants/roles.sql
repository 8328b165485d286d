-- Three groups of rights, to be given to logins. Run once by a database administrator:
--     psql -f sql/grants/roles.sql -d WAREHOUSE
-- and then for each login, for example:
--     CREATE ROLE nightly_job LOGIN PASSWORD '...';  GRANT anchorwatch_job TO nightly_job;
--     CREATE ROLE analyst LOGIN PASSWORD '...';      GRANT anchorwatch_results_reader TO analyst;
-- `anchorwatch init`, run by the owner of the tables, gives the groups their rights (results.sql), after every upgrade too.
DO $$
DECLARE
    wanted TEXT;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['anchorwatch_logs_reader', 'anchorwatch_results_reader', 'anchorwatch_job'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
END
$$;
