"""Defences, and the attacks that test them.

filters      filters before the network: JPEG, blur, fewer bits, resizing, random crops
detection    scores that tell attacked pictures from untouched ones, their ROC, and an attack that knows of them
detectors    the detectors of digits that come with the library
masking      defences that only hide the gradient, and the attacks that expose them
smoothing    randomised smoothing: a certified L2 radius
intervals    interval bound propagation: a certified L∞ radius
"""
