"""Fisher information of a network's layers about a stimulus parameter.

The verb is `sensitivity` in `measure`. It lets `probe` check the network on two stimuli, and `sweep` then runs all stimuli.
`derivative` holds the ways to take the derivative of a response, and `rules` makes the exact one fast.
"""

from __future__ import annotations

from fechner.fisher.curves import evenly, relative_to_mean
from fechner.fisher.measure import sensitivity

__all__ = [
    "evenly",
    "relative_to_mean",
    "sensitivity",
]
