"""Which number of threads is taken, for machines on which one or the other is quicker."""

from adv_core.serving.engine.threads import EVERY, ThreadTrial


def steps_on(trial: ThreadTrial, seconds: dict[int, float], steps: int, batch: str = "b") -> list[int]:
    """The numbers of threads of so many steps, where a step takes that long."""
    chosen = []
    for _ in range(steps):
        threads = trial.choose(batch, 2)
        trial.took(batch, threads, seconds[threads])
        chosen.append(threads)
    return chosen


def test_the_quicker_number_is_used_and_the_other_one_is_tried_now_and_then() -> None:
    idle = steps_on(ThreadTrial(), {1: 0.04, 2: 0.03}, 10 * EVERY)
    assert idle.count(1) == 10 and next(step for step, threads in enumerate(idle, 1) if threads == 1) == EVERY
    beside_others = steps_on(ThreadTrial(), {1: 0.06, 2: 0.09}, 10 * EVERY)
    assert set(beside_others[: EVERY - 1]) == {2} and beside_others[2 * EVERY :].count(2) == 8


def test_it_follows_a_machine_that_becomes_idle() -> None:
    trial = ThreadTrial()
    steps_on(trial, {1: 0.06, 2: 0.2}, 4 * EVERY)
    assert steps_on(trial, {1: 0.04, 2: 0.03}, 8 * EVERY)[-EVERY:].count(1) == 1


def test_steps_of_different_batches_are_not_compared() -> None:
    trial = ThreadTrial()
    for number in range(10 * EVERY):
        batch = f"b{number}"  # a small one on a single thread would look quicker than a large one on two
        trial.took(batch, trial.choose(batch, 2), 0.1 if number % 2 else 0.01)
    assert trial.choose("next", 2) == 2
