"""Traffic signs: drawings of them, random views, and a small network trained on those.

classes        the classes
canvas         shapes and lettering
drawing        the signs, and a random view of one
backgrounds    scenes without a sign
views          perspective, light, dirt, blur and JPEG, a batch at a time
network        the network, from pixels to logits
training       trains and judges it
"""

from adv_core.signs.classes import CLASSES, INDEX, SignClass
from adv_core.signs.drawing import draw_sign, scene
from adv_core.signs.network import SIDE, SignNetwork, sign_network

__all__ = ["CLASSES", "INDEX", "SIDE", "SignClass", "SignNetwork", "draw_sign", "scene", "sign_network"]
