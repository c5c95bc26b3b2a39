"""Attacks, δ* = argmax over δ in Δ of L: solvers, each of which is an iterator of steps.

step              `Step`, which every solver yields; the input gradient; the checks of the input; `run`
ascent            the one loop: step along the gradient, project, evaluate
catalogue         one line per attack: the menu of the lab and of the engine
fgsm, pgd, …      one file per attack: its rule, its function, its entry for the catalogue
minimum_norm      shared by those that look for the smallest δ: deepfool, fab, carlini_wagner, ddn, smallest_epsilon
universal         one δ for many pictures
spatial           rotations, shifts, hues and crops, found by search
evolution         evolution of pictures, by queries alone
substitute        a substitute network, trained on the predictions of another one
"""
