import random

import numpy as np
import pytest

from adv_core.classifiers import categories
from adv_core.serving.classroom.challenges import Prediction
from adv_core.serving.classroom.questions import what_will_it_say, which_is_perturbed

ORIGINAL = np.full((8, 8, 3), 100, np.uint8)
PERTURBED = ORIGINAL + np.uint8(3)
AIRLINER, KOALA = Prediction(404, 0.9), Prediction(105, 0.9996)


def test_either_side_and_the_answer_fits() -> None:
    answers = set()
    for seed in range(20):
        draft = which_is_perturbed(ORIGINAL, PERTURBED, AIRLINER, random.Random(seed))
        halves = draft.pictures[:, :8], draft.pictures[:, 8:]
        assert np.array_equal(halves[draft.answer], PERTURBED) and np.array_equal(halves[1 - draft.answer], ORIGINAL)
        assert draft.choices[draft.answer] in draft.truth and "3/255" in draft.truth and "airliner" in draft.truth
        answers.add(draft.answer)
    assert answers == {0, 1}


def test_what_it_says_is_among_the_choices() -> None:
    places = set()
    for seed in range(20):
        draft = what_will_it_say(PERTURBED, AIRLINER, KOALA, [105, 1, 404, 7, 9], random.Random(seed))
        assert set(draft.choices) == {categories()[label] for label in (404, 105, 1, 7)}
        assert draft.choices[draft.answer] == "airliner" and np.array_equal(draft.pictures, PERTURBED)
        assert (
            draft.truth == "It predicts airliner (90.0 %). For the untouched photograph it predicts koala (> 99.9 %)."
        )
        places.add(draft.answer)
    assert len(places) > 1


@pytest.mark.parametrize("seed", range(3))
def test_an_untouched_picture(seed: int) -> None:
    draft = what_will_it_say(ORIGINAL, KOALA, KOALA, [105, 1, 7, 9], random.Random(seed))
    assert len(draft.choices) == 4 and draft.choices[draft.answer] == "koala" and "untouched" not in draft.truth
