"""The questions of the lesson."""

from pages.lessons.unrestricted.settings import TRIALS
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    return [
        Choice(
            "a",
            "In L∞, how large is the change when a photograph is moved by a single pixel?",
            (
                ("About 1/255: it is one step.", "One step in place, not in brightness."),
                (
                    "Often more than 100/255: at every edge a dark value becomes a bright one.",
                    "Yes. The ε-ball measures something else than the eye does.",
                ),
                ("It depends on the network.", "The norm of δ knows nothing of networks."),
            ),
            1,
        ),
        Choice(
            "b",
            "Why does the search not follow the gradient?",
            (
                ("Turns and shifts have no gradient.", "They have: interpolation is differentiable."),
                (
                    "With seven numbers trying is cheap, and the landscape has many small valleys in which a gradient "
                    "gets stuck.",
                    "Yes: Engstrom et al. find that a grid beats first-order attacks here.",
                ),
                ("Because the weights are secret.", "Here they are not. But it would work if they were."),
            ),
            1,
        ),
        Number(
            "c",
            f"The network is asked about {TRIALS} poses of each of 16 photographs, at most. How many questions is "
            "that?",
            16 * TRIALS,
            0.5,
            f"Yes: 16 · {TRIALS} = {16 * TRIALS}; fewer where it falls early.",
            lambda given: "Multiply.",
        ),
        Choice(
            "d",
            "A network was trained adversarially in the L∞ ball, ε = 8/255. What do you know about turned pictures?",
            (
                ("It is robust against them: 8/255 is a lot.", "They are far outside the ball."),
                ("It is less robust against them.", "That, too, would have to be measured."),
                ("Nothing. That Δ was another one.", "Yes. Measure it, with a search."),
            ),
            2,
        ),
    ]
