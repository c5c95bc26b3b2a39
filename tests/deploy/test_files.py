"""What the files of `deploy/` say of each other and of the app. No Docker and no cluster is needed for that."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from adv_core.decoding import MAX_MEGABYTES
from adv_core.serving.limits import Limits
from tests.paths import ROOT

DEPLOY = ROOT / "deploy"
SITE = (DEPLOY / "nginx" / "lab.conf.template").read_text()
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
OF_THE_APP = {
    f"ADV_{name}"
    for name in ("DATABASE_URL", "STATE", "METRICS_PORT", "METRICS_ADDRESS", "TRUSTED_PROXIES", "DRAIN_SECONDS", "LOG")
}
LIMITS = {f"ADV_{each.name.upper()}" for each in fields(Limits)}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def pods() -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_exists(path: Path) -> None:
    named = set(re.findall(r"\bADV_[A-Z_]+\b", path.read_text()))
    assert named <= OF_THE_APP | LIMITS


def test_the_image_is_made_of_what_is_there() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [
        name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]
    ]
    assert {"adv_core", "app.py", "startup.py", "assets", "pages", "requirements.txt", ".streamlit"} <= set(copied)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert all((ROOT / name).exists() for name in {*copied, *allowed})
    assert set(copied) == {name.partition("/")[0] for name in allowed}


def test_compose_agrees_with_nginx(compose: dict[str, Any]) -> None:
    services = compose["services"]
    apps = {name: each for name, each in services.items() if name.startswith("app-")}
    wanted = set(re.findall(r"\$\{(LAB_\w+)\}", SITE))
    given = services["nginx"]["environment"]
    assert wanted == {name for name in given if name.startswith("LAB_")}
    proxy = services["nginx"]["networks"]["inside"]["ipv4_address"]
    for name, app in apps.items():
        address = app["networks"]["inside"]["ipv4_address"]
        assert given[f"LAB_REPLICA_{name[-1].upper()}"] == f"{address}:8501"
        assert app["environment"]["ADV_TRUSTED_PROXIES"] == f"{proxy}/32"
        assert int(app["stop_grace_period"].rstrip("s")) > int(app["environment"]["ADV_DRAIN_SECONDS"])
        assert app["read_only"] and app["cap_drop"] == ["ALL"] and "ports" not in app
    assert [name for name, each in services.items() if "ports" in each] == ["nginx"]
    assert services["nginx"]["ports"] == [f"${{PORT:-80}}:{given['LAB_LISTEN']}"]
    secrets = re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text())
    assert all(f"\n{name}=" in (DEPLOY / ".env.example").read_text() for name in secrets)


def test_kubernetes_agrees_with_itself() -> None:
    kinds = pods()
    pod = kinds["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"http": 8501, "metrics": 9100}
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment"):
        spec = kinds[kind]["spec"]
        selector = spec.get("podSelector") or spec["selector"]
        assert selector.get("matchLabels", selector) == pod["metadata"]["labels"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert pod["spec"]["terminationGracePeriodSeconds"] > int(environment["ADV_DRAIN_SECONDS"])
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "metrics"}
    mounts = {each["name"] for each in container["volumeMounts"]}
    assert mounts == {each["name"] for each in pod["spec"]["volumes"]}


def test_the_same_size_of_uploads_everywhere() -> None:
    limit = re.search(r"maxUploadSize = (\d+)", (ROOT / ".streamlit" / "config.toml").read_text())
    assert limit is not None and int(limit[1]) == MAX_MEGABYTES
    body = f"{int(limit[1]) + 1}m"
    assert f"client_max_body_size {body};" in SITE
    assert pods()["Ingress"]["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"] == body
