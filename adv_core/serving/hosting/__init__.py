"""What an instance that anybody can reach needs around the app: pure ASGI and the standard library.

    admission    who is let in: requests, sessions and messages, by address
    headers      what a browser may do with our pages
    uploads      uploaded files stay in memory
    logs         lines that tell what failed and where, and nothing about a person
    shutdown     on SIGTERM: what runs is finished, who waits is told

`app.py` puts them together. Limits are `adv_core.serving.limits`, counters `adv_core.serving.metrics`; see also
SECURITY.md.
"""
