"""Defences, and the attacks that test them.

filters      filters before the network: JPEG, blur, fewer bits, resizing, random crops
masking      defences that only hide the gradient, and the attacks that expose them
smoothing    randomised smoothing: a certified L2 radius
intervals    interval bound propagation: a certified L∞ radius
"""
