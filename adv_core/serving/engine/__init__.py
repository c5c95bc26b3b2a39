"""The engine, which computes tasks for all users of this process: plain values in, records out.

work        the contract: a task, alone or in a batch, and the networks of the device that computes it
queue       runs, the jobs that wait for them, and the queue, which every engine has
local       worker threads, batches, scheduling
cluster     the same on a Ray cluster; `replica` is one of its workers
process     the engine of this process
networks    the networks of one device
look        a network's predictions for some pictures
attack      an attack on a picture, as data
noise       random noise of the size of an attack
digits      a digit, a digit network, its error curve
"""
