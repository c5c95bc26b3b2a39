"""Every attack that a learner can choose: one line an attack, in the order of the menu.

The engine, the lab's menu, the program on the page and the parametrised tests read this table. To add an attack, write
its solver and its entry in a file of its own, and add one line here.
"""

from adv_core.attacks import (
    apgd,
    carlini_wagner,
    deepfool,
    fgsm,
    hop_skip_jump,
    mi_fgsm,
    pgd,
    smallest_epsilon,
    square,
)
from adv_core.attacks.info import AttackInfo

ATTACKS: dict[str, AttackInfo] = {
    info.name: info
    for info in (
        fgsm.FGSM,
        pgd.PGD,
        pgd.TARGETED_PGD,
        fgsm.R_FGSM,
        pgd.BIM,
        mi_fgsm.MI_FGSM,
        apgd.APGD,
        deepfool.DEEPFOOL,
        carlini_wagner.CARLINI_WAGNER,
        smallest_epsilon.SMALLEST_EPSILON,
        square.SQUARE,
        hop_skip_jump.HOP_SKIP_JUMP,
    )
}
