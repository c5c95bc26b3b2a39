"""Every attack that a learner can choose, in the order of the menu. One line per attack imports its entry.

The engine, the lab's menu, the program on the page, the names of `adv_core` and the parametrised tests read `ATTACKS`.
"""
# ruff: noqa: F401, I001

from adv_core.attacks.info import AttackInfo

from adv_core.attacks.fgsm import FGSM
from adv_core.attacks.pgd import PGD, TARGETED_PGD
from adv_core.attacks.fgsm import R_FGSM
from adv_core.attacks.pgd import BIM
from adv_core.attacks.least_likely import LEAST_LIKELY
from adv_core.attacks.mi_fgsm import MI_FGSM
from adv_core.attacks.apgd import APGD
from adv_core.attacks.deepfool import DEEPFOOL
from adv_core.attacks.fab import FAB
from adv_core.attacks.carlini_wagner import CARLINI_WAGNER
from adv_core.attacks.ddn import DDN
from adv_core.attacks.smallest_epsilon import SMALLEST_EPSILON
from adv_core.attacks.square import SQUARE
from adv_core.attacks.hop_skip_jump import HOP_SKIP_JUMP
from adv_core.attacks.boundary import BOUNDARY

ATTACKS: dict[str, AttackInfo] = {
    entry.name: entry for entry in list(globals().values()) if isinstance(entry, AttackInfo)
}
