"""The page's logic, driven through Streamlit's AppTest, from the entry script."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from torch import Tensor

from adv_core import Classifier, open_image
from adv_core import classifiers as classifiers_module
from adv_core.attacks.catalogue import ATTACKS
from adv_core.images import to_pixels, to_png
from adv_core.norms import NORMS
from adv_core.serving import limits
from pages.lab import below, controls
from pages.lab.settings import PRESETS
from tests.pages.visit import button, link, nothing_computed, picture, pictures, smaller, visit, words


def fooled_box(at: AppTest) -> str:
    """The verdict that the network is fooled, which is amber in the whole app."""
    return str(at.warning[0].value)


FAST = {"image": "pig", "target": "106", "eps": "2", "steps": "4"}


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """No other ε in a curve than the visitor's, few random views, and few steps of the examples."""
    with smaller("lab/page.py", VIEWS=2, SEEN=4), pytest.MonkeyPatch.context() as patch:
        for key, norm in NORMS.items():
            patch.setitem(NORMS, key, replace(norm, sweep=()))
        for preset in PRESETS.values():
            patch.setitem(preset, "steps", min(10, preset["steps"]))
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    """A page that tests look at, and leave as it is."""
    return lab()


def lab(**query: str) -> AppTest:
    return visit(**query or FAST)


def test_opens_with_a_result_that_is_true(
    opened: AppTest, classifier: Classifier, photo: Callable[[str], Tensor]
) -> None:
    at = opened
    assert "wombat" in fooled_box(at)
    (_, original), (_, _), (alt, fooled), (noisy_alt, noisy) = pictures(lab(**FAST, tab="noise")).items()
    assert np.array_equal(original, to_pixels(photo("pig")))
    assert np.abs(fooled.astype(int) - original).max() == 2 == np.abs(noisy.astype(int) - original).max()
    from adv_core.images import from_pixels

    assert "wombat" in alt and classifier.predict(from_pixels(fooled), top=1)[0][1] == "wombat"
    assert "hog" in noisy_alt and classifier.predict(from_pixels(noisy), top=1)[0][1] == "hog"


def test_controls_go_into_the_link_and_back_and_are_reset() -> None:
    at = lab()
    before = picture(at, "Perturbed")
    at.slider(key="lab_eps").set_value(3).run()
    assert link(at)["eps"] == "3" and not np.array_equal(picture(at, "Perturbed"), before)
    with nothing_computed():
        at.segmented_control(key="lab_attack").set_value("fgsm").run()
    again = lab(**link(at))
    assert again.slider(key="lab_eps").value == 3
    assert again.segmented_control(key="lab_attack").value == "fgsm"
    assert np.array_equal(picture(again, "Perturbed"), picture(at.run(), "Perturbed"))
    with nothing_computed():
        at = button(at, "Reset everything")
    assert at.slider(key="lab_steps").value == 40 and not link(at)


def test_presets_and_surprises_set_everything() -> None:
    with nothing_computed():
        at = lab(attack="fgsm", eps="1", norm="l2")
    at = button(at, "pig → wombat")
    assert "wombat" in fooled_box(at)
    assert at.slider(key="lab_eps").value == 2 and at.slider(key="lab_steps").value == 10
    assert pictures(button(at, "surprise me"))


def test_a_mad_link_is_repaired_with_a_word() -> None:
    at = lab(image="nobody", eps="1000", attack="fgsm")
    assert at.slider(key="lab_eps").value == 32 and len(at.info) >= 2
    assert pictures(at)


@pytest.mark.parametrize(
    ("query", "words"),
    [({"eps": "0"}, "ε = 0"), ({"target": "341", "loss": "difference"}, "already")],
)
def test_failures_have_reasons(query: dict[str, str], words: str) -> None:
    at = lab(**FAST | query)
    assert any(words in message.value for message in [*at.warning, *at.info])


def test_replay_and_uploads(classifier: Classifier) -> None:
    """A run starts with the picture, and the box says so; rubbish is explained, and nothing is lost; the saved picture
    still fools, and the attack does not aim at its class.
    """
    at = lab()
    original, fooled = picture(at, "Original"), picture(at, "Perturbed")
    scrubber = next(s for s in at.select_slider if s.label.startswith("Replay"))
    scrubber.set_value(0).run()
    alt, start = next((a, p) for a, p in pictures(at).items() if a.startswith("Perturbed"))
    assert "hog" in alt and np.array_equal(start, original)
    assert not at.warning and any("At step 0, the network predicts **hog**" in i.value for i in at.info)
    at.file_uploader(key="upload").upload("broken.png", b"\x89PNG\r\n\x1a\n rubbish").run()
    assert not at.exception and len(at.error) == 1
    kinds = [e.type for e in at.sidebar]
    assert kinds.index("error") < kinds.index("file_uploader")  # below, it is off the screen of a laptop
    assert np.array_equal(picture(at, "Original"), original)
    at.file_uploader(key="upload").upload("adversarial.png", to_png(fooled)).run()
    assert not at.exception and not at.error
    alt, uploaded = next(iter(pictures(at).items()))
    assert "wombat" in alt and np.array_equal(uploaded, fooled)
    assert any("it fools the network as it is" in i.value for i in at.info)
    assert at.segmented_control(key="lab_attack").value == "pgd" and "instead of **wombat**" in fooled_box(at)
    at.file_uploader(key="upload").set_value(None).run()  # as a browser does before it sends the next file
    assert not np.array_equal(picture(at, "Original"), fooled)
    at.file_uploader(key="upload").upload("letter.txt", b"Dear Sir").run()
    assert "not a picture" in at.error[0].value and np.array_equal(picture(at, "Original"), fooled)


def test_missing_weights_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(classifiers_module.urllib.request, "urlopen", refuse)
    monkeypatch.setattr(classifiers_module.torch.hub, "get_dir", lambda: "/nonexistent/hub")
    at = lab(**FAST, model="resnet50")
    told = next(i.value for i in at.info if "EfficientNet-Lite0" in i.value)
    assert "fetch resnet50" in told and "/nonexistent" not in told  # a visitor is told no path of the server
    assert "wombat" in fooled_box(at)


def test_presentation_mode() -> None:
    with nothing_computed():
        at = button(lab(**FAST, present="1"), "Leave presentation mode")
    assert "present" not in link(at)


def test_the_curve_has_the_visitors_epsilon_and_those_of_the_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NORMS, "linf", replace(NORMS["linf"], sweep=(1.0,)))
    (drawn,) = lab(**FAST, tab="curve").get("plotly_chart")
    hog, wombat = json.loads(drawn.proto.spec)["data"]
    assert hog["name"] == "hog" and wombat["name"] == "wombat" and hog["x"] == wombat["x"] == [0, 1, 2]
    assert hog["y"][0] > 0.5 > hog["y"][2] and wombat["y"][0] < wombat["y"][1] < wombat["y"][2]


@pytest.mark.parametrize(
    ("query", "said"),
    [({"attack": "smallest"}, "searches for the smallest ε"), ({"eps": "0"}, "Increase ε to see the curve")],
)
def test_the_tab_of_the_curve_says_why_there_is_none(query: dict[str, str], said: str) -> None:
    at = lab(**FAST | query, tab="curve")
    assert not at.get("plotly_chart") and any(said in each.value for each in at.caption)


def test_another_loss_and_rule() -> None:
    at = lab(**FAST | {"loss": "difference", "rule": "gradient", "tab": "curve"})
    assert len(pictures(at)) == 3 and at.get("plotly_chart")


def test_a_link_to_somebodys_own_picture() -> None:
    at = lab(image="own", attack="fgsm")
    assert any("uploaded photograph" in i.value for i in at.info) and pictures(at)


def test_only_the_open_tab_is_drawn_and_it_is_in_the_link() -> None:
    at = lab()
    assert not at.latex and any(h.value.startswith("Class probabilities") for h in at.subheader)
    hidden = lab(**FAST, tab="formula", hide="formula")
    assert any(h.value.startswith("Class probabilities") for h in hidden.subheader)


def menu(at: AppTest, key: str):  # type: ignore[no-untyped-def]
    return at.segmented_control(key=key)


def test_the_menu_leads_to_every_attack() -> None:
    with nothing_computed():
        at = lab(**FAST)
        for group, first in {"stronger": "r_fgsm", "black box": "square", "lecture": "fgsm"}.items():
            menu(at, "lab_group").set_value(group).run()
            assert not at.exception and menu(at, "lab_attack").value == first
            shown = menu(at, "lab_attack").options
            assert len(shown) == sum(info.group == group for info in ATTACKS.values())


@pytest.mark.parametrize("attack", [name for name, info in ATTACKS.items() if info.group != "lecture"])
def test_every_attack_runs_and_is_explained(attack: str) -> None:
    at = lab(**FAST | {"attack": attack, "queries": "10", "steps": "2", "tab": "formula"})
    assert len(pictures(at)) == 3
    assert ATTACKS[attack].idea in words(at) and ATTACKS[attack].paper in words(at)
    assert any(ATTACKS[attack].formula in latex.value for latex in at.latex)


@pytest.mark.parametrize("norm", ["l2", "l1", "l0"])
def test_every_norm(norm: str) -> None:
    at = lab(**FAST | {"attack": "pgd", "norm": norm, "eps0": "50", "tab": "curve"})
    assert at.get("plotly_chart")
    original, _, fooled = pictures(at).values()
    changed = (fooled.astype(int) - original) / 255
    size = {
        "l2": np.sqrt(np.square(changed).sum()) / 3.0,
        "l1": np.abs(changed).sum() / 40,
        "l0": np.any(changed, 2).sum() / 50,
    }[norm]
    assert 0.5 < size <= 1


def test_the_smallest_epsilon_and_on_with_it() -> None:
    at = lab(**FAST | {"attack": "pgd", "steps": "8"})
    at.button(key="find_smallest").click().run()
    assert not at.exception and menu(at, "lab_attack").value == "smallest"
    assert "the smallest ε that the attack found" in fooled_box(at) and at.slider(key="lab_eps").disabled
    next(b for b in at.button if b.label.startswith("Run PGD")).click().run()
    assert menu(at, "lab_attack").value == "pgd" and at.slider(key="lab_eps").value == 1
    assert "Fooled" in fooled_box(at)


def test_the_photograph_at_its_own_size_fools_when_it_is_opened_anew(classifier: Classifier) -> None:
    at = lab(**FAST | {"whole": "1", "image": "red_panda", "attack": "pgd", "eps": "4", "steps": "10"})
    fooled = picture(at, "Perturbed")
    assert fooled.shape == (288, 512, 3)
    again = open_image(to_png(fooled))
    own, network = classifier.prepare_whole(again), classifier.prepare(again)
    assert classifier.predict(own, 1)[0][1] in fooled_box(at)
    assert classifier.predict(network, 1)[0][0] != 387  # through another resizing as well


def test_a_large_photograph_is_made_smaller_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (limits, controls, below):  # so that a small one is large
        monkeypatch.setattr(module, "LIMITS", replace(limits.LIMITS, max_pixels=200_000))
    monkeypatch.setitem(NORMS, "linf", replace(NORMS["linf"], sweep=(1.0,)))
    at = lab(**FAST | {"whole": "1", "attack": "fgsm", "eps": "4", "tab": "curve"})
    noise = np.random.default_rng(0).integers(0, 256, (50, 200, 3), np.uint8)
    big = Image.fromarray(noise).resize((1200, 300))
    at.file_uploader(key="upload").upload("big.png", to_png(np.asarray(big))).run()
    assert not at.exception and any("reduced from 1200 × 300" in c.value for c in at.caption)
    assert any("too large for a curve" in c.value for c in at.caption)
    assert max(max(p.shape) for p in pictures(at).values()) == 512  # what the browser gets; the saved file has it all


@pytest.mark.parametrize(("attack", "norm"), [("carlini_wagner", "linf"), ("square", "l1")])
def test_a_norm_that_an_attack_does_not_know(attack: str, norm: str) -> None:
    at = lab(**FAST | {"attack": attack, "norm": norm, "queries": "5", "steps": "2"})
    assert "is used instead" in words(at)


def test_surviving_the_camera() -> None:
    at = lab(image="pig", target="106", eps="4", steps="3", views="1", tab="formula")
    said = next(c.value for c in at.caption if c.value.startswith("We draw 4 new random views"))
    assert "The network predicts wombat in **" in said
    assert any("E}_t" in e.value for e in at.latex)
    curve = lab(image="pig", target="106", eps="4", steps="3", views="1", tab="curve")
    assert any("a whole curve takes too long" in c.value for c in curve.caption)
    assert not any(
        c.value.startswith("We draw 4 new") for c in lab(image="pig", steps="2", views="1", attack="fgsm").caption
    )
