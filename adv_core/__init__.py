"""The mathematics of adversarial examples: δ* = argmax over δ in Δ of L(y, f(x + δ)), one module a symbol."""

import os

# Before torch is imported. With the default, idle OpenMP threads spin and starve everybody else on shared cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from adv_core.attacks import (
    AttackResult,
    InputGradient,
    Step,
    default_step_size,
    fgsm,
    input_gradient,
    pgd,
    random_noise,
    run,
)
from adv_core.classifiers import (
    Classifier,
    ClassifierError,
    ClassifierInfo,
    list_classifiers,
    load_classifier,
)
from adv_core.images import ImageError, open_image
from adv_core.objectives import Objective, Targeted, TargetedDifference, Untargeted
from adv_core.perturbation_sets import L2, Linf, PerturbationSet

__all__ = [
    "L2",
    "AttackResult",
    "Classifier",
    "ClassifierError",
    "ClassifierInfo",
    "ImageError",
    "InputGradient",
    "Linf",
    "Objective",
    "PerturbationSet",
    "Step",
    "Targeted",
    "TargetedDifference",
    "Untargeted",
    "default_step_size",
    "fgsm",
    "input_gradient",
    "list_classifiers",
    "load_classifier",
    "open_image",
    "pgd",
    "random_noise",
    "run",
]
