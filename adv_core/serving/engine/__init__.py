"""Where tasks are computed: plain values in, records out, for everybody who uses this process.

work        the contract: a task, alone or in a batch, and what it finds where it is computed
queue       a run, the jobs that wait for it, and the line: what every engine does
local       worker threads, batches, turns
cluster     the same on a Ray cluster; `replica` is one of its workers
process     the engine of this process
networks    the networks of one device
look        what a network says of some pictures
attack      an attack on a picture, as data
noise       random noise of the size of an attack
digits      a digit, a digit network, its error curve
"""
