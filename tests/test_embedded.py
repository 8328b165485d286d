import shutil
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from anchorwatch.warehouse import embedded, make_engine


@pytest.mark.parametrize("folder", ["short", "a-path-too-long-for-a-unix-socket-" + "x" * 80])
def test_start_is_idempotent_and_stop_stops(folder, monkeypatch):
    parent = Path(tempfile.mkdtemp(prefix="aw", dir="/tmp"))
    parent.chmod(0o755)
    monkeypatch.setenv("ANCHORWATCH_HOME", str(parent / folder))
    monkeypatch.delenv("ANCHORWATCH_WAREHOUSE_URL", raising=False)
    try:
        assert not embedded.is_running()
        assert embedded.start() == embedded.start()
        assert embedded.is_running()
        engine = make_engine()
        with engine.connect() as connection:
            assert connection.execute(sa.text("SELECT current_user")).scalar_one() == "anchorwatch"
            assert int(connection.execute(sa.text("SHOW max_connections")).scalar_one()) >= 200
            assert connection.execute(sa.text("SHOW listen_addresses")).scalar_one() == ""
        engine.dispose()
        assert embedded.stop()
        assert not embedded.is_running()
        assert not embedded.stop()
    finally:
        embedded.remove()
        shutil.rmtree(parent, ignore_errors=True)
