import socket
import urllib.error
import urllib.request

import numpy as np
import pytest
import torch
from prometheus_client import REGISTRY
from torch import Tensor

from adv_core.serving import metrics
from adv_core.serving.engine import networks
from adv_core.serving.engine.attack import Attack
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.engine.look import Pictures


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
    for reason in ("queue", "runs", "draining", "sessions", "address", "requests", "uploads"):
        assert f'adv_refused_total{{reason="{reason}"}}' in text
    assert "adv_sessions" in text and "adv_page_errors" in text
    assert get(port, "/ready")[0] == 200 and get(port, "/")[0] == 404
    fine = False
    assert get(port, "/ready")[0] == 503


def test_the_engine_tells_what_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def network(x: Tensor) -> Tensor:
        return torch.stack([x.mean((1, 2, 3)), -x.mean((1, 2, 3))], 1)

    def told() -> dict[str, float]:
        samples = [sample for family in REGISTRY.collect() for sample in family.samples if not sample.labels]
        return {sample.name: sample.value for sample in samples}

    network.device = torch.device("cpu")  # type: ignore[attr-defined]
    monkeypatch.setattr(networks, "load_classifier", lambda *_, **__: network)
    engine = LocalEngine("cpu")
    request = Attack(Pictures.of(np.zeros((4, 4, 3), np.uint8)), "any", eps=(0.1,), steps=3)
    before = told()
    engine.compute(request)
    engine.compute(request)
    after = told()
    grown = {name: after[name] - before[name] for name in after}
    assert grown["adv_steps_total"] == 4 and grown["adv_shared_results_total"] == 1
    assert grown["adv_wait_seconds_count"] == 1 and grown["adv_batch_rows_sum"] == 1 and after["adv_queue_length"] == 0


def test_a_silent_connection_keeps_nobody_waiting() -> None:
    port = metrics.serve(lambda: True, "127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", port)):
        assert get(port, "/ready")[0] == 200


def test_off_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADV_METRICS_PORT", raising=False)
    assert metrics.serve_if_asked(lambda: True) is None
    monkeypatch.setenv("ADV_METRICS_PORT", "0")
    port = metrics.serve_if_asked(lambda: True)
    assert port is not None and get(port, "/ready")[0] == 200
