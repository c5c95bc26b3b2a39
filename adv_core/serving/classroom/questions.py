"""Questions for the class, made of a photograph and its attacked version."""

import random
from collections.abc import Sequence

import numpy as np

from adv_core.classifiers import categories
from adv_core.images import Pixels
from adv_core.serving.classroom.challenges import Prediction
from adv_core.serving.classroom.records import Draft

CHOICES = 4
_CHANCE = random.SystemRandom()


def which_is_perturbed(original: Pixels, perturbed: Pixels, said: Prediction, chance: random.Random = _CHANCE) -> Draft:
    """Ask which of two pictures (H, W, 3), side by side in random order, is the perturbed one.

    Args:
        said: the network's prediction for the perturbed one.
    """
    left = chance.random() < 0.5
    pair = (perturbed, original) if left else (original, perturbed)
    side = "left" if left else "right"
    size = int(np.abs(perturbed.astype(int) - original.astype(int)).max())
    truth = f"The {side} picture is perturbed, by at most {size}/255. The network predicts {said} for it."
    return Draft("which", "Which of the two is perturbed?", ("left", "right"), 0 if left else 1, np.hstack(pair), truth)


def what_will_it_say(
    shown: Pixels, said: Prediction, untouched: Prediction, likely: Sequence[int], chance: random.Random = _CHANCE
) -> Draft:
    """Ask for the network's prediction for a picture (H, W, 3), with several classes to choose from.

    Args:
        said: the prediction for the picture that is shown; untouched: the one for the original photograph.
        likely: plausible classes, the likeliest first.
    """
    classes = list(dict.fromkeys((said.label, untouched.label, *likely)))[:CHOICES]
    chance.shuffle(classes)
    truth = f"It predicts {said}."
    if said.label != untouched.label:
        truth += f" For the untouched photograph it predicts {untouched}."
    names = tuple(categories()[label] for label in classes)
    return Draft("what", "What will the network predict?", names, classes.index(said.label), shown, truth)
