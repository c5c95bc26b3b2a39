"""Traffic signs: drawings of them, random views, and a small network trained on those.

classes        the classes
canvas         shapes and lettering
drawing        the signs, and a random view of one
backgrounds    scenes without a sign
views          perspective, light, dirt, blur and JPEG, a batch at a time
network        the network, from pixels to logits
training       trains and judges it
driving        views from a car that drives up to a sign
stickers       black and white stickers, and the octagon of a poster
finding        the place of a sign in a photograph
"""

from adv_core.signs.classes import CLASSES, INDEX, SignClass
from adv_core.signs.drawing import draw_sign, scene
from adv_core.signs.network import SIDE, SignNetwork, sign_network

__all__ = ["CLASSES", "INDEX", "SIDE", "SignClass", "SignNetwork", "draw_sign", "scene", "sign_network"]
