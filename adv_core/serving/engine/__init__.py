"""Where work is computed: tasks as data in, records out, for everybody who uses this process.

work        the contract: what can be computed, and what a task finds where it is computed
queue       a run, the jobs that wait for it, and the line: what every engine does
local       worker threads, batches, turns
cluster     the same on a Ray cluster; `replica` is one of its workers
process     the engine of this process
networks    the networks of one device
attack      an attack on a picture, as data
look        what a network says of some pictures
digits      a digit, a digit network, its error curve
"""
