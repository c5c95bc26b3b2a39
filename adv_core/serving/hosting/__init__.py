"""Protection of a public instance: pure ASGI and the standard library.

    admission    limits on requests, sessions and messages, by address
    headers      the content-security policy and other headers for browsers
    uploads      uploaded files stay in memory
    logs         log lines with the kind and place of a failure, and nothing about a person
    shutdown     on SIGTERM, finishes running work and refuses waiting work

`app.py` combines them. The limits are in `adv_core.serving.limits`, the counters in `adv_core.serving.metrics`; see
also SECURITY.md.
"""
