"""Who computes, for whom, and when.

engine       the queue, the workers, the cluster
hosting      who is let in; headers, logs, uploads, an orderly end
classroom    rooms for a class
limits       what one machine allows its learners
metrics      counters for Prometheus
memory       the memory of a server process
"""
