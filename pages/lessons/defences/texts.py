"""The texts around the lesson's sections."""

from adv_core.defences.filters import VIEWS
from pages.lessons.defences.settings import page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def gradients(steps: int, crops: int) -> Number:
    """A question for the gradients of an attack that averages over random crops."""
    return Number(
        f"The adaptive attack on a random crop takes {steps} steps, with {crops} crops in each. How many gradients "
        "does it compute for one photograph?",
        steps * crops,
        0.5,
        f"{steps} · {crops} = {steps * crops}. Randomness makes an attack more expensive, not impossible.",
        lambda given: "Each step averages the gradients of all its crops.",
    )


def real_alarms(false: int, among: int) -> Number:
    """A question for the share of alarms that are attacks, where attacks are rare."""
    untouched = round(false / 100 * (among - 1))
    share = 100 / (1 + untouched)
    return Number(
        f"One picture in {among} is attacked. A detector raises an alarm on each attacked picture, and on {false} % of "
        "the untouched ones. What share of its alarms are attacks?",
        share,
        max(0.1 * share, 0.2),
        f"Of {among} pictures, 1 is attacked and about {untouched} of the others raise an alarm: 1 / {1 + untouched} = "
        f"{share:.3g} %. Where attacks are rare, a good ROC still means false alarms, mostly.",
        lambda given: f"Count the alarms on the {among - 1} untouched pictures, too.",
        "%",
    )


def questions() -> list[Question]:
    return [
        Question("c", gradients(page.value.steps, VIEWS), gradients(25, 2 * VIEWS)),
        Question("e", real_alarms(max(page.value.alarm, 1), 1000), real_alarms(2, 5000)),
        Question(
            "a",
            Choice(
                "A paper attacks an undefended network and saves the adversarial pictures as JPEG. Most of them are "
                "then classified right again. What does this show?",
                (
                    (
                        "This attack does not survive JPEG. Nobody has attacked the defended network yet.",
                        "An evaluation has to attack the defended network.",
                    ),
                    (
                        "JPEG makes the network robust: it removes every perturbation that is so small.",
                        "This covers only attackers who do not know that the network uses JPEG.",
                    ),
                    (
                        "Nothing at all: JPEG changes the untouched pictures as much as the attacked ones.",
                        "It shows something: JPEG helps against a fixed set of old pictures.",
                    ),
                ),
            ),
            Choice(
                "A defence adds noise to each picture. Its authors attack the network without the noise, and then "
                "classify the results with noise. Which attack is missing?",
                (
                    (
                        "One that averages its gradient over many draws of the noise.",
                        "This is the adaptive attack: it knows of the noise.",
                    ),
                    (
                        "One that adds noise of the same size, without any gradient.",
                        "Random noise is far weaker than an attack, so it would tell nothing new.",
                    ),
                    (
                        "The same one again, on a larger number of photographs.",
                        "More photographs make the number more exact, and it is still the number of a weak attack.",
                    ),
                ),
            ),
        ),
        Question(
            "b",
            Choice(
                "The gradient of rounding is zero almost everywhere. How does the adaptive attack find a direction?",
                (
                    (
                        "It rounds in the forward pass, and computes the gradient as if it had not rounded.",
                        "This is the straight-through gradient. It is wrong for each single value, and about right "
                        "on average.",
                    ),
                    (
                        "It leaves the rounding out of both passes, and hopes that δ is large enough for it.",
                        "That would be the attack without the defence.",
                    ),
                    (
                        "It finds none, which is why fewer bits are a good defence against all attacks.",
                        "See the bars of the defence with fewer bits.",
                    ),
                ),
            ),
            Choice(
                "A defence is a long program without a derivative. Its output looks almost like its input. How does "
                "BPDA attack it?",
                (
                    (
                        "Forwards it runs the program; backwards it takes the identity instead.",
                        "The identity is about right, since the output looks almost like the input.",
                    ),
                    (
                        "It replaces the program by a blur in both of the passes, and attacks that.",
                        "Then the result would be made for another defence.",
                    ),
                    (
                        "It cannot: where there is no derivative, there is no direction, either.",
                        "An approximate direction is enough for an attack.",
                    ),
                ),
            ),
        ),
        Question(
            "d",
            Choice(
                "At ε = 1/255 some defence keeps more predictions than no defence, even against the adaptive attack. "
                "What may you conclude?",
                (
                    (
                        "It makes these attacks harder at this ε. More steps or a larger ε may change that.",
                        "Try 40 steps, or ε = 4. An attack that finds nothing proves nothing.",
                    ),
                    (
                        "The defence is robust, since an adaptive attack is the strongest one there can be.",
                        "Only at this ε, against this attack, on sixteen photographs.",
                    ),
                    (
                        "The adaptive attack has a bug: it should keep as few predictions as no defence.",
                        "It works at a larger ε. The budget of 1/255 is just small.",
                    ),
                ),
            ),
            Choice(
                "The adaptive attack with 10 steps leaves five of sixteen predictions. What do you do next?",
                (
                    (
                        "Run it with more steps: a better attack may leave fewer.",
                        "Five is only an upper bound of what the best attack leaves.",
                    ),
                    (
                        "Report five of sixteen as the defence's robust accuracy.",
                        "Ten steps are a weak attack, so the number is probably too good.",
                    ),
                    (
                        "Make the filter stronger, until this attack leaves ten.",
                        "Then you have tuned the defence to one weak attack.",
                    ),
                ),
            ),
        ),
        Question(
            "f",
            Choice(
                "A paper trains a detector on digits attacked by PGD and reports an AUC of 0.99 against PGD. What is "
                "missing?",
                (
                    (
                        "An attack that also lowers the detector's score.",
                        "The detector is a part of what has to be fooled: see the orange curve of section 3.",
                    ),
                    (
                        "A larger network for the detector, trained on more digits.",
                        "A larger detector has a gradient, too, and the attack climbs it in the same way.",
                    ),
                    (
                        "The accuracy of the classifier on untouched digits.",
                        "A detector does not change what the classifier predicts.",
                    ),
                ),
            ),
            Choice(
                "An adaptive attack brings a detector's AUC from 1 down to 0.5, but fools the classifier on 2 % of the "
                "digits only. What may you conclude?",
                (
                    (
                        "This attack fails: both figures have to be good at once.",
                        "It hides by giving up the attack. Lower its weight c, or raise ε.",
                    ),
                    (
                        "The detector is broken, since it only guesses now.",
                        "It guesses on pictures that hardly ever do harm.",
                    ),
                    (
                        "The classifier has become robust by the detector.",
                        "The classifier is the same. The attack has spent its ε on the detector.",
                    ),
                ),
            ),
        ),
    ]


TEXTS = Texts(
    lead=(
        "A filter before the network, such as JPEG, a blur or a random crop, may remove δ. On this page you attack "
        "defended networks in two ways: first without the defence, then with an adaptive attack, which goes through "
        "it. You compare five defences on sixteen photographs. Then you try to detect attacked digits, and attack the "
        "detector as well."
    ),
    questions=questions,
    script=(
        "1. Open the link. “JPEG has stopped the attack. Who would use this defence?” Then point to the fourth "
        "picture.\n"
        "2. Press *Run this* in section 2 before the lecture. Blue is what an optimistic paper reports. Orange is the "
        "adaptive attack.\n"
        "3. Set ε to 1 and run it again: some defences help a little. Set ε to 4: they no longer help.\n"
        "4. Ask who the attacker is. An attacker who does not know the defence is a threat model, too, but a paper "
        "has to say so.\n"
        "5. Section 3: “If we cannot repel it, can we at least notice it?” The blue curve says yes, the orange one no. "
        "Ask what the detector has learnt, and point to the green curve: noise. Then choose *a network that has seen "
        "noise*: it no longer confuses noise with an attack, and it is even easier to fool. *Feature squeezing* with 1 "
        "bit holds: ask why (digits are almost black and white). Choose 2 bits."
    ),
    pitfalls=(
        "- “Then combine all five!” The attack goes through all five as well: together they are one longer g.\n"
        "- A stronger defence (quality 10, σ = 4) is more robust and less accurate. See the grey bars.\n"
        "- There are sixteen photographs, so one is six per cent. And 10 steps are a weak attack; try 40.\n"
        "- An AUC far below 0.5 is no success of an attacker: whoever turns the detector round catches everything. "
        "So the adaptive attack aims at the scores of ordinary digits, not at the lowest ones.\n"
        "- “Feature squeezing holds, so it is safe.” It holds against these attacks, on pictures that are almost black "
        "and white. He et al. (2017) get past it on photographs and digits with larger changes."
    ),
    references=(
        (
            "Guo et al., *Countering adversarial images using input transformations*, ICLR 2018",
            "https://arxiv.org/abs/1711.00117",
        ),
        (
            "Dziugaite, Ghahramani & Roy, *A study of the effect of JPG compression on adversarial images*, 2016",
            "https://arxiv.org/abs/1608.00853",
        ),
        ("Xu, Evans & Qi, *Feature squeezing*, NDSS 2018", "https://arxiv.org/abs/1704.01155"),
        (
            "Xie et al., *Mitigating adversarial effects through randomization*, ICLR 2018",
            "https://arxiv.org/abs/1711.01991",
        ),
        (
            "Carlini & Wagner, *Adversarial examples are not easily detected: bypassing ten detection methods*, AISec "
            "2017",
            "https://arxiv.org/abs/1705.07263",
        ),
        ("Metzen et al., *On detecting adversarial perturbations*, ICLR 2017", "https://arxiv.org/abs/1702.04267"),
        (
            "He et al., *Adversarial example defenses: ensembles of weak defenses are not strong*, WOOT 2017",
            "https://arxiv.org/abs/1706.04701",
        ),
        (
            "Athalye, Carlini & Wagner, *Obfuscated gradients give a false sense of security*, ICML 2018",
            "https://arxiv.org/abs/1802.00420",
        ),
        ("Kolter & Madry, *Adversarial robustness: theory and practice*", "https://adversarial-ml-tutorial.org"),
    ),
)
