"""The results that sections of one run of the page share."""

from dataclasses import dataclass


@dataclass
class Run:
    """The results that sections of one run of the page share."""
