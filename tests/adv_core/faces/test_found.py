"""Staying found: the detector's score as one more logit."""

import torch

from adv_core.faces import VIEWS, FaceScore, Found, StillFound, find_faces, portrait
from adv_core.faces.found import ENOUGH
from adv_core.images import from_pixels
from adv_core.objectives import Impersonation


def test_a_face_has_a_score_and_a_covered_one_has_less() -> None:
    pixels = portrait("collins").copy()
    (face,) = find_faces(pixels)
    score = FaceScore(face)
    assert score(from_pixels(pixels)).item() == ENOUGH
    rows, columns = (slice(round(a), round(b)) for a, b in ((face.top, face.bottom), (face.left, face.right)))
    pixels[rows, columns] = 128
    assert score(from_pixels(pixels)).item() < -2


def test_the_score_is_the_detectors() -> None:
    """Of a photograph that is not larger than what the score looks at, without a face that is surely found."""
    pixels = (0.25 * portrait("hopper") + 96).astype("uint8")
    face = find_faces(pixels, sure=0.05)[0]
    logit = torch.tensor(face.score).logit()
    torch.testing.assert_close(FaceScore(face)(from_pixels(pixels))[0, 0], logit.clamp_max(ENOUGH), atol=1e-3, rtol=0)


def test_the_gradient_reaches_the_photograph() -> None:
    pixels = (0.25 * portrait("collins") + 96).astype("uint8")
    face = find_faces(portrait("collins"))[0]
    x = from_pixels(pixels).requires_grad_()
    (gradient,) = torch.autograd.grad(FaceScore(face, VIEWS, 2)(x).sum(), x)
    assert gradient.abs().sum() > 0


def test_the_objective_adds_what_a_found_face_is_worth() -> None:
    inner = Impersonation(0, 1)
    logits = torch.tensor([[-0.7, -0.5, 1.0], [-0.7, -0.5, -3.0]])
    values = Found(inner, worth=0.1)(logits)
    torch.testing.assert_close(values - inner(logits[:, :2]), torch.tensor([0.1, -0.3]))
    assert Found(inner).reached(logits).tolist() == inner.reached(logits[:, :2]).tolist() == [True, True]
    assert Found(inner).rows(torch.tensor([0]))(logits[:1]).shape == (1,)


def test_a_network_with_the_score_has_one_more_logit() -> None:
    (face,) = find_faces(portrait("collins"))
    x = from_pixels(portrait("collins"))
    both = StillFound(lambda x: x.new_zeros(len(x), 2), FaceScore(face))(x)
    assert both.shape == (1, 3) and both[0, 2] == FaceScore(face)(x)[0, 0]
