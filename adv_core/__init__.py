"""The mathematics of adversarial examples: δ* = argmax over δ in Δ of L(y, f(x + δ)), one module a symbol."""

from adv_core.attacks import (
    AttackResult,
    InputGradient,
    Step,
    apgd,
    bim,
    default_step_size,
    fgsm,
    input_gradient,
    mi_fgsm,
    pgd,
    r_fgsm,
    random_noise,
    run,
)
from adv_core.black_box import square_attack
from adv_core.classifiers import (
    Classifier,
    ClassifierError,
    ClassifierInfo,
    list_classifiers,
    load_classifier,
)
from adv_core.images import ImageError, open_image
from adv_core.minimum_norm import carlini_wagner, deepfool, smallest_epsilon
from adv_core.objectives import (
    Custom,
    LogitsRatio,
    Margin,
    Objective,
    Targeted,
    TargetedDifference,
    Untargeted,
)
from adv_core.perturbation_sets import L0, L1, L2, Box, Linf, Masked, PerturbationSet
from adv_core.transforms import ExpectedTargeted, ExpectedUntargeted, Transformed

__all__ = [
    "L0",
    "L1",
    "L2",
    "AttackResult",
    "Box",
    "Classifier",
    "ClassifierError",
    "ClassifierInfo",
    "Custom",
    "ExpectedTargeted",
    "ExpectedUntargeted",
    "ImageError",
    "InputGradient",
    "Linf",
    "LogitsRatio",
    "Margin",
    "Masked",
    "Objective",
    "PerturbationSet",
    "Step",
    "Targeted",
    "TargetedDifference",
    "Transformed",
    "Untargeted",
    "apgd",
    "bim",
    "carlini_wagner",
    "deepfool",
    "default_step_size",
    "fgsm",
    "input_gradient",
    "list_classifiers",
    "load_classifier",
    "mi_fgsm",
    "open_image",
    "pgd",
    "r_fgsm",
    "random_noise",
    "run",
    "smallest_epsilon",
    "square_attack",
]
