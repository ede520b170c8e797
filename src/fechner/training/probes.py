"""Which stimulus a training records sensitivity to, and with which settings, by name.

`train(record=...)` takes the names. What the recordings of two trainings have in common is fixed here, so that their
curves can be compared; a change makes new recordings differ from those in trainings/.
"""

from __future__ import annotations

from typing import Any

from fechner.stimuli import Gabor, HuePatch, Stimulus

# Images of any size count as 2.24 degrees wide, as a photograph of 224 pixels is in the published figures.
DEGREES = 2.24
# The frequencies in cycles/degree over which recordings average. The last must be the highest: `train` checks it.
FREQUENCIES = [1.0, 1.5, 2.0, 3.0, 4.0]


def probes(size: int) -> dict[str, tuple[Stimulus, dict[str, Any]]]:
    """The stimulus and the settings of `sensitivity` for images of this size, by the name of what is recorded."""
    levels = [0.5, 0.7, 0.9]
    return {
        "orientation": (
            Gabor(size=size, pixels_per_degree=size / DEGREES),
            {
                "along": "orientation",
                "values": 36,
                "average": {"phase": 4, "spatial_frequency": FREQUENCIES},
            },
        ),
        "hue": (
            HuePatch(size=size),
            {"along": "hue", "values": 36, "average": {"saturation": levels, "value": levels}},
        ),
    }
