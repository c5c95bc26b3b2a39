"""Steps a second under two ways in which threads wait, and our network beside ONNX Runtime.

    make bench-threads                       # about six minutes on two cores
    .venv/bin/python -m bench.threads        # without ONNX Runtime

Steps a second are those of PGD on EfficientNet-Lite0 in the app's engine, for one learner who asks again and again and
for thirty who ask at once. "Asleep": threads sleep at once after each layer. "Chosen": what `startup.prepare` sets,
where threads spin for a short while, and the engine uses as many as other programs leave cores
(`adv_core.serving.threads`). "Spin": they spin, and all of them are always used. Every cell is a process of its own,
since the variables are read when torch is loaded. Policies take turns, on a machine that does nothing else and beside
other programs; the tables give medians and the ratio to "asleep" of the same turn, also its least and greatest. The
forward pass is that of the network without its normalisation, in inference mode. The last table is a Square Attack
whose queries are answered one by one, and as the engine asks them, several in a batch (`ahead`).
"""

import argparse
import contextlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import startup

ROOT = Path(__file__).parents[1]
POLICIES = {
    "asleep": {"OMP_WAIT_POLICY": "PASSIVE"},
    "chosen": startup.WAITING,
    "spin": {"GOMP_SPINCOUNT": startup.WAITING["GOMP_SPINCOUNT"]},  # nothing is chosen, since it is not all of them
}
_LOOP = [sys.executable, "-c", "while True: pass"]
# As a browser that shows a result while it is computed.
_THIRD = [
    sys.executable,
    "-c",
    "import time\nwhile True:\n end = time.time() + .02\n while time.time() < end: pass\n time.sleep(.04)",
]
BESIDE = {
    "nothing": [],
    "two busy programs": [_LOOP, _LOOP],
    "one busy program at low priority": [["nice", "-n", "19", *_LOOP]],
    "one that computes a third of the time": [_THIRD],
}
QUERIES = 300
BATCHES = (1, 8, 32)


def steps_a_second(learners: int) -> float:
    """Return the steps that this process computes in a second for so many learners, each with their own picture."""
    import numpy as np

    from adv_core.serving.engine.attack import Attack
    from adv_core.serving.engine.local import LocalEngine
    from adv_core.serving.engine.look import Pictures
    from adv_core.serving.limits import Limits

    steps, turns = 10, 8 if learners == 1 else 1
    rng = np.random.default_rng(0)
    engine = LocalEngine("cpu", Limits(remembered_mib=1, lease_seconds=600))  # nothing is answered from memory

    def ask() -> None:
        pictures = [Pictures.of(rng.integers(0, 256, (224, 224, 3), np.uint8)) for _ in range(learners)]
        tasks = [Attack(picture, "efficientnet_lite0", eps=(2 / 255,), steps=steps) for picture in pictures]
        jobs = [engine.submit(task, f"s{i}") for i, task in enumerate(tasks)]
        for job in jobs:
            job.result(300)

    for _ in range(6 if learners == 1 else 1):
        ask()  # caches are filled, and the engine has seen what else is computed
    start = time.perf_counter()
    for _ in range(turns):
        ask()
    return turns * learners * (steps + 1) / (time.perf_counter() - start)


def forward_passes() -> dict[str, dict[str, float]]:
    """Milliseconds a picture, by contestant and batch: ours, and ONNX Runtime's where it is installed."""
    import torch

    from adv_core import load_classifier

    classifier = load_classifier(device="cpu")
    contestants: dict[str, Callable[[torch.Tensor], object]] = {"ours": classifier.network}
    if importlib.util.find_spec("onnxruntime") is not None:
        contestants["ONNX Runtime"] = onnx_runtime(classifier.info.load().eval())
    found: dict[str, dict[str, float]] = {name: {} for name in contestants}
    with torch.inference_mode():
        for batch in BATCHES:
            x = torch.rand(batch, 3, 224, 224)
            times: dict[str, list[float]] = {name: [] for name in contestants}
            for _ in range(6):
                for name, network in contestants.items():
                    time.sleep(0.1)  # until the other's threads sleep
                    network(x)
                    for _ in range(max(24 // batch, 2)):
                        start = time.perf_counter()
                        network(x)
                        times[name].append(time.perf_counter() - start)
            for name, taken in times.items():
                found[name][str(batch)] = statistics.median(taken) / batch * 1e3
    return found


def square_attacks() -> dict[str, float]:
    """Milliseconds a query of a Square Attack that does not reach its aim within `QUERIES`, by contestant."""
    import torch

    from adv_core import Custom, Linf, Margin, load_classifier, open_image, square_attack

    classifier = load_classifier(device="cpu")
    photograph = Path(__file__).parents[1] / "assets" / "photos" / "koala.jpg"
    x = classifier.prepare(open_image(photograph.read_bytes()))
    margin = Margin(int(classifier(x).argmax()))
    # Never reached, so that each search goes on to its end.
    aim = Custom(margin, lambda logits: torch.zeros(len(logits), dtype=torch.bool))
    contestants: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], int]] = {
        "ours, one by one": (classifier, 1),
        "ours, 8 ahead": (classifier, 8),
    }
    if importlib.util.find_spec("onnxruntime") is not None:
        rival = onnx_runtime(classifier.info.load().eval())

        def answers(batch: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(rival((batch - classifier.mean) / classifier.std)[0])  # type: ignore[index]

        contestants["ONNX Runtime, one by one"] = answers, 1
    found = {}
    for name, (network, ahead) in contestants.items():
        for queries in (20, QUERIES):  # the first ones warm up
            start = time.perf_counter()
            for _ in square_attack(network, x, Linf(8 / 255), aim, queries=queries, ahead=ahead):
                pass
            found[name] = (time.perf_counter() - start) / queries * 1e3
        time.sleep(0.1)
    return found


def onnx_runtime(network: "torch.nn.Module") -> "Callable[[torch.Tensor], object]":  # noqa: F821
    """The network, exported, in a session with the default options."""
    import onnxruntime
    import torch

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = f"{folder}/network.onnx"
        torch.onnx.export(
            network, (torch.rand(1, 3, 224, 224),), file, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}}
        )
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x.numpy()})


def child(what: str, policy: dict[str, str]) -> Any:
    """The result of `steps_a_second` ("1", "30"), `forward_passes` or `square_attacks` in a fresh process."""
    environment = {name: value for name, value in os.environ.items() if name not in startup.WAITING} | policy
    command = [sys.executable, "-m", "bench.threads", "--child", what]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def running(commands: list[list[str]]) -> Iterator[None]:
    """Programs that run beside."""
    programs = [subprocess.Popen(command) for command in commands]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def policies(rounds: int) -> None:
    print(f"| learners | beside | {' | '.join(f'{name}, steps/s' for name in POLICIES)} |", end="")
    print(f" {' | '.join(f'{name} / asleep' for name in POLICIES if name != 'asleep')} |")
    print("|---" * (2 * len(POLICIES) + 1) + "|")
    for learners, beside in [(1, each) for each in BESIDE] + [(30, "nothing")]:
        seen: dict[str, list[float]] = {name: [] for name in POLICIES}
        with running(BESIDE[beside]):
            for turn in range(rounds):
                for name in list(POLICIES)[:: 1 if turn % 2 == 0 else -1]:
                    seen[name].append(float(child(str(learners), POLICIES[name])))
        cells = [f"{statistics.median(column):.1f}" for column in seen.values()]
        for name in list(POLICIES)[1:]:
            ratios = sorted(new / old for new, old in zip(seen[name], seen["asleep"], strict=True))
            cells.append(f"**{statistics.median(ratios):.2f}** ({ratios[0]:.2f} to {ratios[-1]:.2f})")
        print(f"| {learners} | {beside} | {' | '.join(cells)} |", flush=True)


def forward() -> None:
    found = child("forward", startup.WAITING)
    rival = found.get("ONNX Runtime")
    print("\n| batch | ours, ms a picture | ONNX Runtime | ours / ONNX Runtime |")
    print("|---|---|---|---|")
    for batch, ours in found["ours"].items():
        beside = f"{rival[batch]:.1f} | **{ours / rival[batch]:.2f}**" if rival else "- | -"
        print(f"| {batch} | {ours:.1f} | {beside} |")
    print("\n| Square Attack | ms a query |\n|---|---|")
    for name, milliseconds in child("square", startup.WAITING).items():
        print(f"| {name} | {milliseconds:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", choices=["1", "30", "forward", "square"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        from adv_core.serving.memory import keep_freed_memory

        keep_freed_memory()
        by_name = {"forward": forward_passes, "square": square_attacks}
        if arguments.child in by_name:
            print(json.dumps(by_name[arguments.child]()))
        else:
            print(json.dumps(steps_a_second(int(arguments.child))))
        return
    policies(arguments.rounds)
    forward()


if __name__ == "__main__":
    main()
