"""Random views of a picture, and the expectation over them: E over t of L(y, f(t(x + δ))).

transform       what a transform is, and what all of them share
geometry        rotation, scale, crop, translation, resizing; `interpolation` reads between the pixels
light           brightness, contrast, hue, blur, noise, bit depth
jpeg            JPEG, differentiable
expectation     `Transformed`: a classifier that looks at random views
"""
