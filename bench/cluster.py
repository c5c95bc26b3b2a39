"""Benchmark of the cluster engine beside the local one: throughput, the first frame, recovery from a killed replica.

    .venv/bin/python -m bench.cluster            # needs requirements-cluster.txt; a few minutes on two cores

All processes run on this machine: Ray's own, the replicas and the clients share its cores. A second replica therefore
adds no speed beyond the cores; it shows the cost of the way through Ray, and that replicas add up. Each learner
requests PGD-10 on EfficientNet-Lite0 with a picture of their own. Engines take turns; ratios are of one turn, and the
table gives the median turn. A single replica has both cores (`ADV_RAY_CPUS=2`, as the local engine has), each of two
has one.
"""

import startup

startup.prepare()  # as the app does, before torch is imported

import argparse
import os
import secrets
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path

# No other process may join the cluster of this run. Ray reads the variable when it is imported.
os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))

import numpy as np
import ray
from ray import serve

from adv_core.serving.engine.attack import Attack, Frame
from adv_core.serving.engine.cluster import APP, Cluster, RayServeEngine, deploy
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.queue import Engine, Job
from adv_core.serving.limits import Limits

LIMITS = Limits(remembered_mib=1)  # no result may come from memory
_rng = np.random.default_rng(0)


def requests(count: int) -> list[Attack]:
    """Requests with pictures that have not been requested before."""
    pictures = [Pictures.of(_rng.integers(0, 256, (224, 224, 3), np.uint8)) for _ in range(count)]
    return [Attack(picture, "efficientnet_lite0", eps=(2 / 255,), steps=10) for picture in pictures]


def crowd(engine: Engine, learners: int) -> tuple[float, float]:
    """Run all learners at once: (runs a second, seconds to the first frame of the median learner)."""
    start = time.perf_counter()
    jobs = [engine.submit(request, f"s{i}") for i, request in enumerate(requests(learners))]
    first = _first_frames(jobs, start)
    for job in jobs:
        job.result(300)
    return learners / (time.perf_counter() - start), statistics.median(first)


def _first_frames(jobs: list[Job[Frame]], start: float) -> list[float]:
    seen: dict[int, float] = {}
    while len(seen) < len(jobs):
        for number, job in enumerate(jobs):
            if number not in seen and job.frames:
                seen[number] = time.perf_counter() - start
        time.sleep(0.005)
    return list(seen.values())


def replicas() -> int:
    return serve.status().applications[APP].deployments["Replica"].replica_states.get("RUNNING", 0)


def cluster_of(count: int, cpus: int) -> RayServeEngine:
    """Start that many replicas, each with its network loaded."""
    deploy(Cluster(min_replicas=count, max_replicas=count, cpus=cpus), LIMITS)
    while replicas() != count:
        time.sleep(0.1)
    return RayServeEngine(serve.get_app_handle(APP), LIMITS)


def recovery() -> tuple[float, float, int]:
    """Kill one of two replicas during sixteen runs.

    Return the seconds until the last run has ended, the seconds until two replicas are there again, and the number of
    learners who were told so.
    """
    engine = cluster_of(2, 1)
    crowd(engine, 8)
    jobs = [engine.submit(request, f"s{i}") for i, request in enumerate(requests(16))]
    _first_frames(jobs[:1], 0.0)
    victim = next(path for path in Path("/proc").glob("[0-9]*/cmdline") if b"ServeReplica:" in path.read_bytes())
    start = time.perf_counter()
    os.kill(int(victim.parent.name), signal.SIGKILL)
    for job in jobs:
        while not job.done:
            job.wait(len(job.frames), 0.5)
    ended = time.perf_counter() - start
    while replicas() != 2:
        time.sleep(0.05)
    return ended, time.perf_counter() - start, sum(job.error is not None for job in jobs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--learners", type=int, nargs="+", default=[1, 8, 24])
    arguments = parser.parse_args()
    ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=200 * 2**20, log_to_driver=False)
    engines: dict[str, Callable[[], Engine]] = {
        "local": lambda: LocalEngine("cpu", LIMITS),
        "1 replica, 2 cores": lambda: cluster_of(1, 2),
        "1 replica, 1 core": lambda: cluster_of(1, 1),
        "2 replicas, 1 core each": lambda: cluster_of(2, 1),
    }
    turns: list[dict[tuple[str, int], tuple[float, float]]] = []
    for _ in range(arguments.turns):
        turns.append({})
        for name, start in engines.items():
            engine = start()
            crowd(engine, 8)  # networks, connections
            for learners in arguments.learners:
                turns[-1][name, learners] = crowd(engine, learners)
    print("| learners | engine | runs/s | to local | first frame, s | to local |\n" + "|---" * 6 + "|")
    for learners in arguments.learners:
        for name in engines:
            rates = [turn[name, learners][0] for turn in turns]
            firsts = [turn[name, learners][1] for turn in turns]
            rate_to = [turn[name, learners][0] / turn["local", learners][0] for turn in turns]
            first_to = [turn[name, learners][1] / turn["local", learners][1] for turn in turns]
            spread = f"{statistics.median(rate_to):.2f} ({min(rate_to):.2f} to {max(rate_to):.2f})"
            print(
                f"| {learners} | {name} | {statistics.median(rates):.2f} | {spread} "
                f"| {statistics.median(firsts):.2f} | {statistics.median(first_to):.2f} |"
            )
    print("\n| a replica killed | all ended, s | two replicas again, s | of 16 learners, told so |\n|---|---|---|---|")
    for turn in range(min(arguments.turns, 3)):
        ended, again, told = recovery()
        print(f"| {turn + 1} | {ended:.1f} | {again:.1f} | {told} |", flush=True)


if __name__ == "__main__":
    main()
