"""Random views of a picture, and the expectation over them: E over t of L(y, f(t(x + δ))).

transform       the base class of transforms, and functions that all of them use
geometry        rotation, scale, crop, translation, resizing; `interpolation` reads between the pixels
light           brightness, contrast, hue, blur, noise, bit depth
jpeg            JPEG, differentiable
expectation     `Transformed`: a classifier that averages over random views
"""
