"""The verdict on a classifier: its accuracy under the pointwise worst case of several attacks with equal budgets.

members           the attacks, their budgets, and AutoAttack's selection, *standard*
cascade           `evaluate`: each attack gets the examples that no attack before it has broken
record            `Evaluation`, which `evaluate` yields: the verdict so far, as tensors, table and JSON
diagnosis         signs that an attack has failed rather than that the classifier is robust
counting          the classifier with a counter of its forward and backward passes
report            the verdict as a page of HTML that opens offline
"""

from adv_core.evaluation.cascade import evaluate, judged
from adv_core.evaluation.members import MEMBERS, STANDARD, Budget, Case, Member
from adv_core.evaluation.record import AttackRecord, Evaluation, Finding

__all__ = [
    "MEMBERS",
    "STANDARD",
    "AttackRecord",
    "Budget",
    "Case",
    "Evaluation",
    "Finding",
    "Member",
    "evaluate",
    "judged",
]
