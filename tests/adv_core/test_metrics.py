import urllib.error
import urllib.request

import pytest

from adv_core import metrics


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_and_readiness_on_a_port_of_their_own() -> None:
    fine = True
    port = metrics.serve(lambda: fine, "127.0.0.1", 0)
    metrics.steps.inc(3)
    status, text = get(port, "/metrics")
    assert status == 200
    for name in ("adv_queue_length", "adv_wait_seconds", "adv_batch_rows", "adv_steps_total", "adv_failures"):
        assert name in text
    assert get(port, "/ready")[0] == 200 and get(port, "/")[0] == 404
    fine = False
    assert get(port, "/ready")[0] == 503


def test_off_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADV_METRICS_PORT", raising=False)
    assert metrics.serve_if_asked(lambda: True) is None
    monkeypatch.setenv("ADV_METRICS_PORT", "0")
    port = metrics.serve_if_asked(lambda: True)
    assert port is not None and get(port, "/ready")[0] == 200
