"""The mathematics of adversarial examples: δ* = argmax over δ in Δ of L(y, f(x + δ)), one module for each symbol."""

from adv_core.attacks.apgd import apgd
from adv_core.attacks.ascent import default_step_size
from adv_core.attacks.boundary import boundary_attack
from adv_core.attacks.carlini_wagner import carlini_wagner
from adv_core.attacks.catalogue import ATTACKS
from adv_core.attacks.ddn import ddn
from adv_core.attacks.deepfool import deepfool
from adv_core.attacks.fab import fab
from adv_core.attacks.fgsm import fgsm, r_fgsm
from adv_core.attacks.least_likely import least_likely
from adv_core.attacks.mi_fgsm import mi_fgsm
from adv_core.attacks.noise import random_noise
from adv_core.attacks.pgd import bim, pgd
from adv_core.attacks.smallest_epsilon import smallest_epsilon
from adv_core.attacks.square import square_attack
from adv_core.attacks.step import AttackResult, InputGradient, Step, input_gradient, run
from adv_core.attacks.universal import universal
from adv_core.classifiers import Classifier, ClassifierError, ClassifierInfo, list_classifiers, load_classifier
from adv_core.decoding import ImageError, open_image
from adv_core.objectives import (
    Custom,
    ExpectedTargeted,
    ExpectedUntargeted,
    LogitsRatio,
    Margin,
    Objective,
    Targeted,
    TargetedDifference,
    Untargeted,
)
from adv_core.perturbation_sets import L0, L1, L2, Box, Linf, Masked, PerturbationSet
from adv_core.transforms.expectation import Transformed

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
    "boundary_attack",
    "carlini_wagner",
    "ddn",
    "deepfool",
    "default_step_size",
    "fab",
    "fgsm",
    "input_gradient",
    "least_likely",
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
    "universal",
]

# The solvers of all other attacks in the catalogue: the program on the lab's page imports them from here, too.
globals().update({info.solver.__name__: info.solver for info in ATTACKS.values()})
