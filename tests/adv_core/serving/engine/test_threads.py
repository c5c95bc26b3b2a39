"""Which number of threads is taken, for machines on which one or the other is quicker."""

from adv_core.serving.engine.threads import EVERY, ThreadTrial

IDLE, BUSY = {1: 0.042, 2: 0.029}, {1: 0.075, 2: 0.2}


def steps_on(trial: ThreadTrial, seconds: dict[int, float], steps: int, batch: str = "b") -> list[int]:
    """The numbers of threads of so many steps, where a step takes that long."""
    chosen = []
    for _ in range(steps):
        threads = trial.choose(batch, 2)
        trial.took(batch, threads, seconds[threads])
        chosen.append(threads)
    return chosen


def test_on_an_idle_machine_all_threads_are_soon_used_and_one_is_tried_now_and_then() -> None:
    chosen = steps_on(ThreadTrial(), IDLE, 10 + 10 * EVERY[False])
    assert set(chosen[1:10]) == {2} and 9 <= chosen[10:].count(1) <= 10


def test_beside_other_programs_all_threads_are_only_tried() -> None:
    chosen = steps_on(ThreadTrial(), BUSY, 10 + 10 * EVERY[True])
    assert chosen[:10].count(2) == 1 and 9 <= chosen[10:].count(2) <= 10


def test_it_follows_a_machine_that_becomes_busy_and_idle_again() -> None:
    trial = ThreadTrial()
    steps_on(trial, IDLE, 10)
    assert steps_on(trial, BUSY, 20).count(2) <= 3
    assert steps_on(trial, IDLE, 4 * EVERY[True])[-EVERY[False] :].count(1) == 1


def test_steps_of_different_batches_are_not_compared() -> None:
    trial = ThreadTrial()
    for number in range(200):
        batch = f"b{number}"
        threads = trial.choose(batch, 2)
        assert threads == 1
        trial.took(batch, threads, 0.1 if number % 2 else 0.01)
