"""The entry of an attack in the catalogue."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from adv_core.attacks.step import Step
from adv_core.norms import NormKey

Group = Literal["lecture", "stronger", "black box"]


@dataclass(frozen=True)
class AttackInfo:
    """The metadata of an attack: names, options and properties.

    Attributes:
        name: the key.
        title, idea, formula, paper: texts for the page; the formula is LaTeX.
        group: its group in the menu.
        solver: the function that runs it.
        arguments: its positional arguments after (classifier, x).
        options: the options of the solver that a learner can set.
        norms: the norms that it supports.
        targeted: whether it aims at a class: never, always, or on request.
        minimal: True if it looks for the smallest δ and takes no ε.
        runs: the number of times that it repeats its ``steps``.
        at_hand: options for a local classifier, where a query costs only time.
        batches: whether rows of different learners may share a batch, since no row's result depends on the others.
    """

    name: str
    title: str
    group: Group
    solver: Callable[..., Iterator[Step]]
    idea: str
    formula: str
    paper: str
    arguments: tuple[Literal["set", "objective", "y"], ...] = ("set", "objective")
    options: tuple[str, ...] = ("steps",)
    norms: tuple[NormKey, ...] = ("linf", "l2", "l1", "l0")
    targeted: Literal["never", "always", "optional"] = "optional"
    minimal: bool = False
    runs: int = 1
    at_hand: Mapping[str, object] = field(default_factory=dict)
    batches: bool = True

    @property
    def is_iterative(self) -> bool:
        return "steps" in self.options or "queries" in self.options
