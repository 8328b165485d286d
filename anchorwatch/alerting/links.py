"""Where an alert leads: the run in Airflow, the runbook, the dashboard."""

from dataclasses import dataclass
from string import Template
from urllib.parse import quote

from anchorwatch.alerting.facts import Fact
from anchorwatch.settings import Settings

RUNBOOKS = "docs/runbooks"


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the links of one night's or tick's alerts.

    Attributes:
        dag_id: DAG of the run.
        run_id: Airflow's id of the run; None for a run without Airflow, which leads to the DAG.
    """

    settings: Settings
    dag_id: str
    run_date: str
    run_id: str | None = None

    @property
    def run(self) -> str:
        """Link to the run."""
        page = f"{self.settings.alerts.link_base_url.rstrip('/')}/dags/{quote(self.dag_id, safe='')}"
        return f"{page}/runs/{quote(self.run_id, safe='')}" if self.run_id else page

    def runbook(self, rule_id: str) -> str:
        """Link to a rule's runbook, or its path in the repository."""
        base = self.settings.alerts.runbook_base_url
        return f"{(base or RUNBOOKS).rstrip('/')}/{quote(rule_id, safe='')}.md"

    def dashboard(self, fact: Fact) -> str | None:
        """Link to the dashboard, with the finding's metric and segment filled in."""
        pattern = self.settings.alerts.dashboard_url
        if pattern is None:
            return None
        values = {
            "metric": fact.metric,
            "segment_name": fact.segment_name,
            "segment_value": fact.segment_value,
            "run_date": self.run_date,
        }
        return Template(pattern).safe_substitute({name: quote(value, safe="") for name, value in values.items()})
