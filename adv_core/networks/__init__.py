"""The networks inside a classifier f, and their fast forms.

fast_network         the same logits and input gradients, in less time; `rewriting` folds layers into convolutions
digit_network        a small network for MNIST's digits, and its shipped checkpoints
any_model            anybody's model as a classifier: in eval mode, with its logits taken out, or refused
ensemble             several networks as one
device               the device that computes
torchvision_compat   lets a torchvision that was built for CUDA import beside a CPU build of torch
"""
