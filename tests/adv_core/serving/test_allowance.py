from adv_core.serving.limits import Allowances


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_so_many_at_once_and_so_many_a_minute() -> None:
    clock = Clock()
    allowances = Allowances(60, at_once=3, clock=clock)
    assert [allowances.take("a") for _ in range(4)] == [0, 0, 0, 1.0]
    assert allowances.take("b") == 0  # each has their own
    clock.now = 0.25
    assert allowances.take("a") == 0.75  # what is refused costs nothing
    clock.now = 1.0
    assert allowances.take("a") == 0
    clock.now = 3600.0
    assert [allowances.take("a") for _ in range(4)] == [0, 0, 0, 1.0]  # a bucket holds no more than it holds


def test_a_large_amount_costs_a_whole_bucket() -> None:
    allowances = Allowances(60, at_once=3, clock=Clock())
    assert allowances.take("a", 1000) == 0
    assert allowances.take("a", 2) == 2.0


def test_who_has_a_full_bucket_again_is_forgotten() -> None:
    clock = Clock()
    allowances = Allowances(60, clock=clock)
    for visitor in range(100):
        allowances.take(visitor)
    clock.now = 30.0
    allowances.take("late", 60)
    clock.now = 61.0
    allowances.take("new")
    assert len(allowances) == 2  # "late" is not full yet
