"""No secret of a URL is in an error, a log or a table."""

import json
import logging

import pytest
from command_line import call
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse
from warehouse_rows import DAY, insert_requests, query_all, request_row

from anchorwatch.demo.ports import free_port
from anchorwatch.demo.receiver import ServerThread
from anchorwatch.errors import ConfigError
from anchorwatch.health.statuspage import poll
from anchorwatch.judge_client.endpoint import JudgeEndpoint
from anchorwatch.settings.health import Provider
from anchorwatch.simulator.judge_server import MODEL, create_app
from anchorwatch.urls import hide_secrets_in_http_logs, hide_url_secrets, shown_url
from anchorwatch.warehouse import make_engine
from anchorwatch.warehouse.engine import connect, warehouse_url

HUSH = "HUSHhush42"
URLS = (
    "http://127.0.0.1:1/v1?api-key={}", "http://u:{}@127.0.0.1:1/v1", "http://{}@127.0.0.1:1/v1",
    "http://127.0.0.1:1/v1#{}", "http://u:{}@127.0.0.1:port/v1", "http://127.0.0.1:1/v1?key={} x", "//u:{}@host",
    "http://[{}", "ftp://u:{}@127.0.0.1/", "127.0.0.1:1/v1?api-key={}",
)  # fmt: skip


def dump(engine):
    """Return everything that is in any table."""
    names = query_all(engine, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return "\n".join(str(query_all(engine, f'SELECT * FROM "{name}"')) for (name,) in names)


class TestJudge:
    @pytest.mark.parametrize("template", URLS)
    def test_a_url_of_any_form_is_used_or_refused_without_its_secret(self, template):
        try:
            endpoint = JudgeEndpoint(template.format(HUSH), "sk-secret")
        except ConfigError as error:
            said = str(error)
            assert "judge.base_url, OPENAI_BASE_URL" in said
        else:
            said = repr(endpoint) + endpoint.name + str(endpoint.base_url)
            assert endpoint.name == "http://127.0.0.1:1/v1"
        assert HUSH not in said
        assert "\n" not in said

    @pytest.mark.parametrize("template", URLS[1:4])
    def test_a_command_that_does_not_reach_it_is_one_line(self, tmp_path, template):
        rows = tmp_path / "rows.jsonl"
        rows.write_text(json.dumps({"request_id": "r", "prompt": "q", "response": "a"}))
        config = tmp_path / "anchorwatch.yaml"
        config.write_text(f"logging_policy: complete\njudge: {{max_retries: 0, base_url: '{template.format(HUSH)}'}}\n")
        done = call("evaluate", "--input", rows, "--output", tmp_path / "o.jsonl", "--evaluators", "quality",
                    ANCHORWATCH_CONFIG=config)  # fmt: skip
        self.is_one_line(done)

    def test_a_night_that_does_not_reach_it_is_one_line_and_stores_nothing_of_it(self, engine, tmp_path):
        insert_requests(engine, [request_row(n) for n in range(5)])
        config = tmp_path / "anchorwatch.yaml"
        config.write_text("logging_policy: complete\njudge: {fraction: 1.0, max_retries: 0}\n")
        self.is_one_line(call("run", "--date", DAY, ANCHORWATCH_CONFIG=config, OPENAI_API_KEY="sk-hush-key",
                              OPENAI_BASE_URL=URLS[0].format(HUSH)))  # fmt: skip
        stored = dump(engine)
        assert "0310-00001" in stored, "the search can find something"
        for secret in (HUSH, "sk-hush-key"):
            assert secret not in stored

    def is_one_line(self, done):
        assert done.returncode in (1, 2), done.stdout
        assert HUSH not in done.stdout + done.stderr
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("error")]
        assert "127.0.0.1" in line

    def test_the_query_goes_with_every_request(self, tmp_path):
        judge, asked, port = create_app(), [], free_port(0)

        async def app(scope, receive, send):
            asked.append((scope.get("path"), scope.get("query_string")))
            await judge(scope, receive, send)

        rows = tmp_path / "rows.jsonl"
        rows.write_text(
            "\n".join(json.dumps({"request_id": f"r{n}", "prompt": "q", "response": f"a{n}"}) for n in range(3))
        )
        url = f"http://127.0.0.1:{port}/v1/?api-version=2024-10-21&api-key={HUSH}"
        with ServerThread(app, port):
            done = call("evaluate", "--input", rows, "--output", tmp_path / "o.jsonl", "--evaluators", "quality",
                        "--judge-model", MODEL, OPENAI_BASE_URL=url, OPENAI_API_KEY="k")  # fmt: skip
        assert done.returncode == 0, done.stderr
        calls = [one for one in asked if one[0] == "/v1/chat/completions"]
        assert calls == [("/v1/chat/completions", f"api-version=2024-10-21&api-key={HUSH}".encode())] * 3

    def test_an_endpoint_that_says_what_it_was_sent(self, tmp_path, judge_server):
        said = {"error": {"message": f"Access denied: invalid key {HUSH} for api-version 2024-10-21"}}
        judge_server.fault = lambda number, body: JSONResponse(said, 401)
        rows = tmp_path / "rows.jsonl"
        rows.write_text(json.dumps({"request_id": "r", "prompt": "q", "response": "a"}))
        url = f"{judge_server.url}?api-version=2024-10-21&api-key={HUSH}"
        done = call("evaluate", "--input", rows, "--output", tmp_path / "o.jsonl", "--evaluators", "quality",
                    OPENAI_BASE_URL=url, OPENAI_API_KEY="sk-other")  # fmt: skip
        self.is_one_line(done)
        assert "invalid key *** for api-version 2024-10-21" in done.stderr

    def test_words_of_an_endpoint_lose_what_it_was_sent(self):
        endpoint = JudgeEndpoint(f"https://host/v1?api-key={HUSH}&v=1", "sk-secret")
        said = endpoint.hide_secrets(f"no key {HUSH} or sk-secret at https://u:p@host/v1?x={HUSH}; v1 is needed")
        assert said == "no key *** or *** at https://host/v1 v1 is needed" or said.startswith(
            "no key *** or *** at https://host/v1"
        )
        assert HUSH not in said


class TestOthers:
    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://u:{}@127.0.0.1:{port}/db",
            "postgresql://u@127.0.0.1:{port}/db?password={}",
            "postgresql://u@127.0.0.1:{port}/db?sslpassword={}&nonsense={}",
        ],
    )
    def test_a_warehouse_that_is_away_is_named_without_its_password(self, monkeypatch, url):
        monkeypatch.setenv("ANCHORWATCH_WAREHOUSE_URL", url.replace("{port}", str(free_port(0))).replace("{}", HUSH))
        engine = make_engine()
        with pytest.raises(Exception, match=r"127\.0\.0\.1") as error, connect(engine):
            pass
        engine.dispose()
        assert HUSH not in str(error.value)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("url", ["postgresql://u:{}@host:54x/db", "{}"])
    def test_a_warehouse_url_that_is_none_is_not_repeated(self, monkeypatch, url):
        monkeypatch.setenv("ANCHORWATCH_WAREHOUSE_URL", url.replace("{}", HUSH))
        with pytest.raises(ConfigError) as error:
            warehouse_url()
        assert HUSH not in str(error.value)

    def test_a_status_page_that_is_away_or_answers_an_error(self, engine, judge_server):
        port = free_port(0)
        providers = [
            Provider(name="away", url=f"http://u:{HUSH}@127.0.0.1:{port}/x.json?token={HUSH}"),
            Provider(name="error", url=f"{judge_server.url.removesuffix('/v1')}/none.json?token={HUSH}"),
        ]
        problems = poll(engine, providers, DAY)
        assert [problem.partition(":")[0] for problem in problems] == ["status page of away", "status page of error"]
        assert "404" in problems[1]
        assert HUSH not in "".join(problems)

    def test_http_clients_log_no_query(self, caplog):
        hide_secrets_in_http_logs()
        with caplog.at_level(logging.INFO):
            logging.getLogger("httpx").info('HTTP Request: %s %s "%s"', "POST", f"http://h/v1?api-key={HUSH}", "200 OK")
        assert "http://h/v1" in caplog.text
        assert HUSH not in caplog.text


TOKEN = st.text("abcXYZ019-._~!$&'()*+,;=:@/%", min_size=1, max_size=12).map(lambda text: f"{HUSH}{text}{HUSH}")


@given(st.sampled_from(["http", "https", "postgresql+psycopg"]), TOKEN, TOKEN, TOKEN)
def test_no_part_of_a_secret_is_shown(scheme, password, query, fragment):
    url = f"{scheme}://user:{password}@host:80/v1/x?key={query}#{fragment}"
    assert HUSH not in shown_url(url)
    quoted = url.replace("'", "")
    assert HUSH not in hide_url_secrets(f"cannot reach {quoted} now")
