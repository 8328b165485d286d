-- Gives each group what it needs and nothing else; the caller names the objects. Run by the owner of the tables.
--   anchorwatch_logs_reader     reads the log table and the views on it, which hold prompts and responses
--   anchorwatch_results_reader  reads results, views for BI and the ledger; no logged text
--   anchorwatch_job             reads logs, reads and writes results; creates, changes and drops nothing
-- params    {{ logs }}, {{ results }}  quoted names of relations
GRANT USAGE ON SCHEMA public TO anchorwatch_logs_reader, anchorwatch_results_reader, anchorwatch_job;
GRANT SELECT ON {{ logs }} TO anchorwatch_logs_reader, anchorwatch_job;
GRANT SELECT ON {{ results }} TO anchorwatch_results_reader, anchorwatch_job;
GRANT INSERT, UPDATE, DELETE ON {{ written }} TO anchorwatch_job;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO anchorwatch_job;
