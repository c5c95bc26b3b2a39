"""The server: computation for many visitors, protection of an instance, and rooms for a class.

engine       the queue, the workers, the cluster
hosting      admission, headers, logs, uploads, a graceful shutdown
classroom    rooms for a class
limits       the limits of one server for its visitors
metrics      counters for Prometheus
memory       the memory of a server process
"""
