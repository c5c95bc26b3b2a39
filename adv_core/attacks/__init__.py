"""argmax over δ in Δ of L: solvers, each an iterator of steps.

step              `Step`, which every solver yields; the input gradient; the checks of the input; `run`
ascent            the one loop: step along the gradient, project, evaluate
catalogue         one line an attack: the menu of the lab and of the engine
fgsm, pgd, …      one file an attack: its rule, its function, its entry for the catalogue
minimum_norm      shared by the attacks that look for the smallest δ: deepfool, carlini_wagner, smallest_epsilon
spatial           turns, shifts, colours and crops, found by search
evolution         evolution of pictures, by answers alone
substitute        a copy of a network, trained on its answers
"""
