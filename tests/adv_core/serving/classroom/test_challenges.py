"""The judge, on the default network: what fools counts, and no forged file does."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from adv_core import Classifier, Linf, Targeted, Untargeted, pgd, run
from adv_core.classifiers import DEFAULT
from adv_core.exact_png import read_png
from adv_core.images import from_pixels, to_pixels, to_png
from adv_core.serving.classroom import Refused
from adv_core.serving.classroom.challenges import Challenge, as_jpeg, judge, look
from adv_core.serving.engine.queue import EngineBusy
from adv_core.transforms.expectation import CAMERA, Transformed
from tests.networks import loaded

SECOND = "efficientnet_lite1"


def attacked(classifier: Classifier, x: Tensor, eps: float, objective: object, steps: int = 10) -> np.ndarray:
    return to_pixels(run(pgd(classifier, x, Linf(eps / 255), objective, steps=steps)).adversarial)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def koala(classifier: Classifier, photo: Callable[[str], Tensor]) -> Tensor:
    return photo("koala")


@pytest.fixture(scope="module")
def challenge(koala: Tensor) -> Challenge:
    pixels = to_pixels(koala)
    height, width, _ = pixels.shape
    said = look(DEFAULT, pixels)
    return Challenge(pixels.tobytes(), height, width, DEFAULT, said.label, most=8, sample="koala")


@pytest.fixture(scope="module")
def fooling(classifier: Classifier, koala: Tensor, challenge: Challenge) -> np.ndarray:
    return attacked(classifier, koala, 2, Untargeted(challenge.label))


def test_a_picture_that_fools_counts(classifier: Classifier, challenge: Challenge, fooling: np.ndarray) -> None:
    judgement = judge(challenge, to_png(fooling))
    label, name, p = classifier.predict(from_pixels(fooling))[0]
    assert judgement.accepted and judgement.said is not None
    assert judgement.score == np.abs(fooling.astype(int) - challenge.pixels).max() == 2
    assert judgement.said.label == label != challenge.label
    assert judgement.said.probability == pytest.approx(p, abs=1e-4)
    assert name in judgement.reason and "2/255" in judgement.reason and judgement.pixels == fooling.tobytes()


def test_the_digest_is_of_the_pixels(challenge: Challenge, fooling: np.ndarray) -> None:
    slow = io.BytesIO()
    Image.fromarray(fooling).save(slow, "PNG", compress_level=9)
    anew = judge(challenge, slow.getvalue())
    assert slow.getvalue() != to_png(fooling) and anew.digest == judge(challenge, to_png(fooling)).digest


def test_what_does_not_fool_does_not_count(challenge: Challenge) -> None:
    untouched = judge(challenge, to_png(challenge.pixels))
    assert not untouched.accepted and untouched.score == 0 and "untouched" in untouched.reason
    one = challenge.pixels.copy()
    one[5, 5, 0] ^= 1
    refused = judge(challenge, to_png(one))
    assert not refused.accepted and refused.score == 1 and "still predicts" in refused.reason


def test_outside_of_the_ball(challenge: Challenge, fooling: np.ndarray) -> None:
    far = fooling.copy()
    far[0, 0, 0] = challenge.pixels[0, 0, 0] + (9 if challenge.pixels[0, 0, 0] < 200 else -9)
    refused = judge(challenge, to_png(far))
    assert not refused.accepted and refused.score == 9 and "too large" in refused.reason and refused.said is None
    pixels = replace(challenge, rule="pixels", most=10)
    assert judge(pixels, to_png(fooling)).score == int((fooling != challenge.pixels).any(2).sum()) > 10
    assert not judge(pixels, to_png(fooling)).accepted


def test_fewest_pixels_counts_pixels(challenge: Challenge, fooling: np.ndarray) -> None:
    changed = int((fooling != challenge.pixels).any(2).sum())
    judgement = judge(replace(challenge, rule="pixels", most=changed), to_png(fooling))
    assert judgement.accepted and judgement.score == changed and f"{changed} changed pixels" in judgement.reason


def test_a_target_has_to_be_hit(
    classifier: Classifier, koala: Tensor, challenge: Challenge, fooling: np.ndarray
) -> None:
    aimed = replace(challenge, target=404)
    missed = judge(aimed, to_png(fooling))
    assert not missed.accepted and "airliner" in missed.reason
    hit = judge(aimed, to_png(attacked(classifier, koala, 4, Targeted(404), 20)))
    assert hit.accepted and hit.said is not None and hit.said.label == 404


def test_it_has_to_survive_jpeg(classifier: Classifier, koala: Tensor, challenge: Challenge) -> None:
    rule = replace(challenge, rule="jpeg", most=16)
    fragile = attacked(classifier, koala, 1, Untargeted(challenge.label))
    assert look(DEFAULT, fragile).label != challenge.label == look(DEFAULT, as_jpeg(fragile)).label
    lost = judge(rule, to_png(fragile))
    assert not lost.accepted and "saved as JPEG" in lost.reason
    seen = Transformed(classifier, CAMERA, samples=2, seed=0)
    strong = to_pixels(run(pgd(seen, koala, Linf(16 / 255), Untargeted(challenge.label), steps=10)).adversarial)
    kept = judge(rule, to_png(strong))
    assert kept.accepted and kept.second == look(DEFAULT, as_jpeg(strong)) and kept.second.label != challenge.label


def test_the_hidden_network_is_asked_and_not_named(classifier: Classifier, koala: Tensor, challenge: Challenge) -> None:
    hidden_label = look(SECOND, challenge.pixels).label
    rule = replace(challenge, rule="hidden", hidden=SECOND, hidden_label=hidden_label, most=32)
    rule.check()
    weak = attacked(classifier, koala, 1, Untargeted(challenge.label))
    assert look(SECOND, weak).label == hidden_label
    refused = judge(rule, to_png(weak))
    assert not refused.accepted and "hidden" in refused.reason and "lite" not in refused.reason.lower()
    both = weak
    for eps in (8, 16, 24):  # climbed on both, one after the other: no transfer is needed here
        second = loaded(SECOND)
        half = attacked(classifier, koala, eps, Untargeted(challenge.label), steps=5)
        both = attacked(second, from_pixels(half), 8, Untargeted(hidden_label), steps=5)
        if look(DEFAULT, both).label != challenge.label:
            break
    counts = judge(rule, to_png(both))
    assert counts.accepted and counts.second == look(SECOND, both)
    assert "lite" not in counts.reason.lower()


# ------------------------------------------------------------------------------------------------------- forged files


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_chunk(png: bytes, name: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk after its header."""
    return png[:33] + chunk(name, body) + png[33:]


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


def forged(pixels: np.ndarray) -> dict[str, tuple[bytes, str]]:
    """Files that are not what was asked for, and a word of what is said of each."""
    height, width, _ = pixels.shape
    image = Image.fromarray(pixels)
    good = to_png(pixels)
    deep = np.repeat((pixels.astype(">u2") * 257).view(np.uint8).reshape(height, -1), 1, axis=1)
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    sixteen = good[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    other = [Image.fromarray(255 - pixels)]
    return {
        "nothing": (b"", "not a PNG"),
        "text": (b"<script>alert(1)</script>", "not a PNG"),
        "JPEG": (saved(image, "JPEG"), "not a PNG"),
        "BMP called PNG": (saved(image, "BMP"), "not a PNG"),
        "only the signature": (good[:8], "damaged"),
        "half": (good[: len(good) // 2], "damaged"),
        "broken in the middle": (good[:2000] + bytes(64) + good[2064:], "damaged"),
        "no end": (good[:-12], "damaged"),
        "smaller": (saved(image.resize((width - 1, height))), f"{width - 1} × {height}"),
        "turned": (saved(image.crop((0, 0, width, height - 1))), f"{width} × {height - 1}"),
        "enormous": (good[:16] + struct.pack(">II", 50_000, 50_000) + good[24:], "50000 × 50000"),
        "alpha": (saved(image.convert("RGBA")), "alpha"),
        "grey": (saved(image.convert("L")), "grey"),
        "grey with alpha": (saved(image.convert("LA")), "alpha"),
        "palette": (saved(image.convert("P")), "palette"),
        "one bit": (saved(image.convert("1")), "1 bits"),
        "sixteen bits": (sixteen, "16 bits"),
        "animated": (saved(image, save_all=True, append_images=other), "animated"),
        "a transparent colour": (with_chunk(good, b"tRNS", bytes(6)), "transparent"),
        "two headers": (with_chunk(good, b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 0)), "9 × 9"),
        "heavy": (with_chunk(good, b"zTXt", bytes(10 * height * width)), "too large"),
    }


def test_forged_files_are_refused(challenge: Challenge, fooling: np.ndarray) -> None:
    for kind, (data, word) in forged(fooling).items():
        refused = judge(challenge, data)
        assert not refused.accepted and refused.score is None, kind
        assert word in refused.reason and refused.reason.endswith("."), (kind, refused.reason)


def test_what_is_not_pixels_makes_no_difference(challenge: Challenge, fooling: np.ndarray) -> None:
    height, width, _ = fooling.shape
    good = to_png(fooling)
    turned = b"II*\0" + struct.pack("<LHHHLHHL", 8, 1, 274, 3, 1, 6, 0, 0)
    for name, body in (
        (b"eXIf", turned),
        (b"gAMA", struct.pack(">I", 1)),
        (b"tEXt", b"Author\0somebody"),
        (b"zTXt", b"x\0\0" + zlib.compress(bytes(10**6))),
    ):
        assert np.array_equal(read_png(with_chunk(good, name, body), height, width), fooling)
    assert np.array_equal(read_png(good + b"and what follows", height, width), fooling)
    interlaced = Image.open(io.BytesIO(good))
    assert np.array_equal(read_png(saved(interlaced, optimize=True), height, width), fooling)


def test_an_engine_that_is_full(challenge: Challenge, fooling: np.ndarray) -> None:
    class Full:
        def submit(self, *_: object) -> None:
            raise EngineBusy("Too many people are computing.")

    with pytest.raises(Refused, match="hand it in again"):
        judge(challenge, to_png(fooling), Full())  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------- challenges


def test_a_challenge_as_json(challenge: Challenge) -> None:
    aimed = replace(challenge, target=404, rule="hidden", hidden=SECOND, hidden_label=3)
    assert Challenge.from_json(aimed.to_json(), aimed.pixels) == aimed
    assert len(aimed.to_json()) < 400


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": "loudest"},
        {"classifier": "gpt"},
        {"image": b"123"},
        {"label": 1000},
        {"target": 1000},
        {"most": 0},
        {"most": 256},
        {"rule": "pixels", "most": 224 * 224 + 1},
        {"rule": "hidden"},
        {"rule": "hidden", "hidden": DEFAULT, "hidden_label": 1},
        {"rule": "hidden", "hidden": SECOND},
    ],
)
def test_a_challenge_that_nobody_could_take(challenge: Challenge, changes: dict[str, object]) -> None:
    with pytest.raises(Refused):
        replace(challenge, **changes).check()  # type: ignore[arg-type]
    with pytest.raises(Refused, match="already"):
        replace(challenge, target=challenge.label).check()
