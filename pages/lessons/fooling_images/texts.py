"""The questions of the lesson."""

from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    return [
        Choice(
            "a",
            "Compared with an adversarial photograph, what has been changed in δ* = argmax over Δ of L?",
            (
                ("The loss: noise needs another one.", "It is the log-probability of the target, as before."),
                (
                    "Δ: there is no ε any more, only the box.",
                    "Yes. And x: any picture will do as a start.",
                ),
                ("The solver: it no longer follows the sign of the gradient.", "Look at the formula of section 1."),
            ),
            1,
        ),
        Number(
            "b",
            "α = 1/255 and 40 steps. By how many of the 255 levels can a value have moved at most?",
            40,
            0.5,
            "Yes: 40 · 1. That is why grey still looks grey.",
            lambda given: "Every step moves a value by one level, up or down.",
            unit="levels",
        ),
        Choice(
            "c",
            "A company refuses every answer below 99 %. Does that keep fooling images out?",
            (
                ("Yes: nonsense gets low confidence.", "Look at the strokes of section 3."),
                (
                    "No: they were made to be surer than photographs are.",
                    "Yes. It refuses honest photographs instead.",
                ),
                ("Yes, if the network is large enough.", "Nothing in the argument depends on its size."),
            ),
            1,
        ),
        Choice(
            "d",
            "Lite1 does not see what Lite0 sees in these pictures. Would asking both be a defence?",
            (
                ("Yes: no picture can fool both.", "Switch on “Climb Lite0 and Lite1 together”."),
                (
                    "Against an attacker who does not know of it, perhaps; one who knows climbs both.",
                    "Yes. A defence is judged against whoever knows it.",
                ),
                ("No: Lite1 sees the same anyway.", "Count the ticks below the eight pictures."),
            ),
            1,
        ),
        Choice(
            "e",
            "Evolution asks for answers only. Why does breeding patterns get further than breeding tiles?",
            (
                (
                    "A small change of a pattern's genome changes the whole picture in an orderly way: edges, stripes, "
                    "circles, which the network looks for.",
                    "Yes. A single tile hardly matters to any class.",
                ),
                ("Patterns have more numbers to choose from.", "They have fewer: a few hundred, against 2352."),
                ("Tiles cannot show every picture.", "Nor can patterns. It is about what one mutation does."),
            ),
            0,
        ),
    ]
