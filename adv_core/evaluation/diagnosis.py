"""Signs that an attack has failed, rather than that the classifier is robust; each is measured.

After Carlini et al., "On evaluating adversarial robustness" (2019, arXiv:1902.06705), Pintor et al., "Indicators of
attack failure" (NeurIPS 2022, arXiv:2106.09947) and Athalye et al. (ICML 2018, arXiv:1802.00420). The lesson on
evaluation shows the same signs on defences that hide their gradient, see `adv_core.defences.masking`.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from adv_core.attacks.fgsm import fgsm
from adv_core.attacks.noise import random_noise
from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import Logits, Step, differentiating, evaluate, input_gradient, run
from adv_core.evaluation.counting import Counted
from adv_core.evaluation.members import Case, Member
from adv_core.evaluation.record import STANDS, Evaluation, Finding
from adv_core.networks.any_model import as_classifier
from adv_core.objectives import Margin, Objective, Untargeted
from adv_core.perturbation_sets import Box, Linf

STEPS, MORE = 20, 10  # of PGD; the factor of more steps
CALLS = 5  # of a classifier that may draw at random
TOLD = 0.05  # a difference of accuracies that is told: a few of a hundred differ on any network
BY_SQUARE = 0.002  # AutoAttack's own threshold, a share of all examples
_DRAWS = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)


# -------------------------------------------------------------------------------------------------------- the answers


def in_train_mode(classifier: Logits) -> list[Finding]:
    """Tell of layers in train mode that answer otherwise there; call it before the classifier is asked."""
    layers = [module for module in as_classifier(classifier).modules if module.training and isinstance(module, _DRAWS)]
    if not layers:
        return []
    kinds = ", ".join(sorted({type(module).__name__ for module in layers}))
    return [
        Finding(
            "train_mode",
            f"{len(layers)} layer{'s' * (len(layers) > 1)} ({kinds}) in train mode: judged in eval mode. Call "
            "model.eval() wherever you use the model.",
        )
    ]


def of_answers(classifier: Counted, x: Tensor, logits: Tensor, labels: Tensor) -> list[Finding]:
    """Look at the answers alone. ``x`` is one batch; ``logits`` and ``labels`` are of all examples."""
    found, count, classes = [], len(labels), logits.shape[1]
    if bool((logits >= 0).all()) and torch.allclose(logits.sum(1), torch.ones_like(logits[:, 0]), rtol=0, atol=5e-3):
        sure = float((logits.amax(1) > 0.99).float().mean())
        found.append(
            Finding(
                "probabilities",
                f"The answers are probabilities: each row sums to 1, and {sure:.0%} are above 0.99 for one class. "
                "The attacks expect logits, and a second softmax flattens their gradient: remove the softmax, or give "
                "lambda x: model(x).log().",
            )
        )
    with torch.no_grad():
        again = torch.stack([classifier(x) for _ in range(CALLS)])
        spread = float((logits.amax(1) - logits.amin(1)).mean())
        moved = float((again - again[0]).abs().amax())
        changed = int((again.argmax(2) != again[0].argmax(1)).any(0).sum())
        alone = float((classifier(x[:1])[0] - logits[0]).abs().amax())
    if moved > 1e-4 * max(spread, 1e-12):
        found.append(
            Finding(
                "random",
                f"The classifier draws at random: the answers to the same pictures differ by up to {moved:.2g} (logits "
                f"span {spread:.2g}), and {changed} of {len(x)} predictions change within {CALLS} calls. Average over "
                "the draws: eot=20, or --eot 20.",
            )
        )
    elif alone > 1e-3 * max(spread, 1e-12):
        found.append(
            Finding(
                "batch",
                f"The answer to a picture depends on the other pictures of its batch: alone, its logits differ by "
                f"{alone:.2g} (they span {spread:.2g}). Give a model whose rows are independent.",
            )
        )
    answers = logits.argmax(1)
    right = int((answers == labels).sum())
    if count > 1 and len(answers.unique()) == 1:
        found.append(
            Finding(
                "constant",
                f"The classifier gives the same class, {int(answers[0])}, to all {count} examples. Weights that were "
                "not loaded, or pixels of another scale, look like this.",
            )
        )
    if right < 1.5 * count / classes and count >= 5:
        found.append(
            Finding(
                "chance",
                f"Without an attack, {right} of {count} examples are right; a guess among {classes} classes gets "
                f"{count / classes:.1f}. Look at the labels, the order of the classes and the normalisation first.",
            )
        )
    return found


# ------------------------------------------------------------------------------------------------------- the gradient


def of_gradients(classifier: Counted, case: Case, surrogate: Logits | None) -> Iterator[list[Finding]]:
    """Measure the gradient, and short attacks, on a few examples; yield the findings of each part."""
    if not _has_gradient(classifier, case.x):
        yield [
            Finding(
                "no_gradient",
                "The logits do not depend on the pixels through torch: no gradient reaches x (numpy, detach, argmax or "
                "another library on the way). Attacks by gradient are left out. What stands has met attacks by "
                "answers alone, which are weaker; give a differentiable twin to judge it in full.",
            )
        ]
        return
    yield _zero_gradient(case) + _wrong_gradient(case)
    yield from _short_attacks(case, surrogate)


def _has_gradient(classifier: Counted, x: Tensor) -> bool:
    with differentiating(classifier):
        try:
            return bool(classifier(x[:1].detach().clone().requires_grad_()).requires_grad)
        except RuntimeError as error:
            if "requires grad" in str(error):  # numpy refuses a tensor that records its gradient
                return False
            raise


def _zero_gradient(case: Case) -> list[Finding]:
    n = len(case.x)
    by_entropy, by_margin = (
        int((input_gradient(case.classifier, case.x, objective).gradient.flatten(1).abs().amax(1) == 0).sum())
        for objective in (Untargeted(case.y), Margin(case.y))
    )
    if by_margin:
        return [
            Finding(
                "zero_gradient",
                f"At {by_margin} of {n} examples the gradient of the margin is exactly zero: a part of the network is "
                "a step function, or is cut off from the pixels. Attack it through a differentiable stand-in (BPDA).",
            )
        ]
    if by_entropy:
        return [
            Finding(
                "zero_gradient",
                f"At {by_entropy} of {n} examples the gradient of the cross-entropy is exactly zero, and that of the "
                "margin is not: the logits are so large that the softmax is saturated. Attacks on the cross-entropy "
                "fail there; believe those on the logits ratio.",
            )
        ]
    return []


def _wrong_gradient(case: Case) -> list[Finding]:
    """Compare the rise of the margin along a small step with the rise that the gradient promises."""
    here = input_gradient(case.classifier, case.x, Margin(case.y))
    ball = Linf(0.5 / 255)
    step = ball.project(ball.steepest(here.gradient, 0.5 / 255), case.x)
    promised = (here.gradient * step).flatten(1).sum(1)
    risen = evaluate(case.classifier, case.x + step, Margin(case.y))[1] - here.loss
    sloped = promised > 1e-4
    if int(sloped.sum()) < max(len(case.x) // 4, 1):
        return []
    ratio = (risen / promised)[sloped]
    off = int(((ratio < 0.5) | (ratio > 2)).sum())
    if off <= len(ratio) // 2:
        return []
    return [
        Finding(
            "wrong_gradient",
            "The gradient does not tell what happens: after a step of half a level, the margin rises by less than half "
            f"or more than twice as promised at {off} of {len(ratio)} examples (median: {float(ratio.median()):.2f} of "
            "it). A part is not differentiable, or its gradient is made up.",
        )
    ]


def _short_attacks(case: Case, surrogate: Logits | None) -> Iterator[list[Finding]]:
    """Run short attacks, and tell of results that are impossible if the gradient is right."""
    n, seed = len(case.x), case.seeds[0]

    def wrong(steps: Iterator[Step]) -> Tensor:
        end = run(steps, keep_steps=False)
        with torch.no_grad():
            return case.classifier(end.adversarial).argmax(1) != case.y

    def climb(objective: Objective, steps: int = STEPS, on: Logits = case.classifier) -> Iterator[Step]:
        alpha = 2.5 * case.ball.reach / steps
        return pgd(on, case.x, case.ball, objective, steps=steps, step_size=alpha, quantize=False)

    entropy = Untargeted(case.y)
    # Judged by the margin: where a network is certain, the cross-entropy itself is rounded to zero.
    start, end = Margin(case.y)(case.logits), Margin(case.y)(run(climb(entropy), keep_steps=False).logits)
    pgd_broke = int((end > 0).sum())
    stuck = int(((end <= 0) & (end <= start)).sum())
    found = []
    if stuck > TOLD * n:
        found.append(
            Finding(
                "loss_does_not_rise",
                f"At {stuck} of {n} examples, {STEPS} steps of PGD on the cross-entropy bring no other class nearer.",
            )
        )
    by_step = int(wrong(fgsm(case.classifier, case.x, case.ball, entropy, quantize=False)).sum())
    if by_step - pgd_broke > TOLD * n:
        found.append(
            Finding(
                "one_step",
                f"One step breaks more than many: FGSM breaks {by_step} of {n} examples, PGD with {STEPS} steps "
                f"{pgd_broke}.",
            )
        )
    by_noise = int(
        wrong(random_noise(case.classifier, case.x, case.ball, entropy, seed=seed, draws=1, quantize=False)).sum()
    )
    if by_noise - pgd_broke > TOLD * n:
        found.append(
            Finding(
                "noise",
                f"Random noise breaks more than the gradient: {by_noise} of {n} examples, PGD with {STEPS} steps "
                f"{pgd_broke}.",
            )
        )
    yield found
    by_margin = int(wrong(climb(Margin(case.y))).sum())
    if by_margin - pgd_broke > 2 * TOLD * n:
        yield [
            Finding(
                "another_loss",
                f"Another loss breaks many more: PGD breaks {by_margin} of {n} examples on the margin, {pgd_broke} on "
                "the cross-entropy. Large logits hide the gradient of the cross-entropy.",
            )
        ]
    most = max(by_margin, pgd_broke)
    if most < n:
        longer = int(wrong(climb(Margin(case.y), STEPS * MORE)).sum())
        if longer - most > TOLD * n:
            yield [
                Finding(
                    "more_steps",
                    f"More steps help: PGD breaks {most} of {n} examples with {STEPS} steps, {longer} with "
                    f"{STEPS * MORE}. Raise the budget until they help no more.",
                )
            ]
    anywhere = pgd(
        case.classifier, case.x, Box(), Margin(case.y), steps=2 * STEPS, random_start=True, seed=seed, quantize=False
    )
    reached = int(wrong(anywhere).sum())
    if reached < 0.95 * n:
        yield [
            Finding(
                "unbounded",
                f"With no limit but the box, where every picture can become every other, PGD breaks {reached} of {n} "
                "examples: the attack is broken, not the classifier robust.",
            )
        ]
    if surrogate is not None:
        by_transfer = int(wrong(climb(Margin(case.y), on=surrogate)).sum())
        if by_transfer - most > TOLD * n / 2:
            yield [
                Finding(
                    "transfer",
                    f"An attack on another network breaks more than one on this network: {by_transfer} of {n} "
                    f"examples, against {most}.",
                )
            ]


# ------------------------------------------------------------------------------------------------------- the verdict


def of_results(now: Evaluation, members: Sequence[Member]) -> list[Finding]:
    """Look at the results: answers alone must not break what the gradient cannot."""
    white = [
        number for number, member in enumerate(members) if member.needs_gradient and not now.attacks[number].skipped
    ]
    black = [number for number, member in enumerate(members) if not member.needs_gradient]
    if not white or not black:
        return []
    by_white, by_black = now.broke[white].any(0), now.broke[black].any(0)
    both = now.tried[white].any(0) & now.tried[black].any(0)
    more = int((both & by_black & ~by_white).sum())
    if more < 2 or more <= BY_SQUARE * now.count:
        return []
    left = int((now.right & (now.broken_by == STANDS)).sum())
    return [
        Finding(
            "black_box",
            f"Attacks by answers alone break {more} examples that attacks by gradient leave standing; {left} of "
            f"{now.count} stand in the end. The gradient is hidden or wrong: the true robust accuracy may be lower.",
        )
    ]
