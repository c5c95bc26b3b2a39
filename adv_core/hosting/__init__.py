"""What an instance that anybody can reach needs around the app: pure ASGI and the standard library.

    door         who is let in: requests, sessions and messages, by address
    headers      what a browser may do with our pages
    uploads      what is uploaded stays in memory
    logs         lines that tell what failed and where, and nothing about a person
    leaving      the end: what runs is finished, what waits is told

`app.py` puts them together. Limits are `adv_core.limits`, counters `adv_core.metrics`; see also SECURITY.md.
"""
