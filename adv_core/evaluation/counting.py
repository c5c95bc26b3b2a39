"""The classifier with a counter of the pictures that pass forward and backward."""

from torch import Tensor

from adv_core.networks.any_model import AnyModel, Logits


class Counted(AnyModel):
    """A classifier that counts; see `AnyModel` for all else.

    Args:
        eot: calls for each answer; the logits are their mean. More than 1 is for a classifier that draws at random: the
            mean is what its attackers have to climb (Athalye et al., ICML 2018).

    Attributes:
        forward, backward: pictures that have passed, each call of ``eot`` counted.
    """

    def __init__(self, model: Logits, eot: int = 1) -> None:
        # `diagnosis` tells of probabilities, with its measurement.
        super().__init__(model.model if isinstance(model, AnyModel) else model, warns=False)
        self.eot = eot
        self.forward = self.backward = 0

    def __call__(self, x: Tensor) -> Tensor:
        logits = super().__call__(x)
        for _ in range(self.eot - 1):
            logits = logits + super().__call__(x)
        logits = logits / self.eot if self.eot > 1 else logits
        passed = len(x) * self.eot
        self.forward += passed
        if logits.requires_grad:
            logits.register_hook(lambda gradient: self._count(passed))
        return logits

    def _count(self, passed: int) -> None:
        self.backward += passed
