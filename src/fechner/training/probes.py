"""What a training records: the stimulus and the settings of `sensitivity`, by name."""

from __future__ import annotations

from typing import Any

from fechner.stimuli import Gabor, HuePatch, Stimulus

# A photograph of 224 pixels is 2.24 degrees wide, as in the published figures; so is an image of any other size.
DEGREES = 2.24
# Cycles/degree that are averaged over, the highest at last.
FREQUENCIES = [1.0, 1.5, 2.0, 3.0, 4.0]


def probes(size: int) -> dict[str, tuple[Stimulus, dict[str, Any]]]:
    """What is recorded by name, stimulus and settings of `sensitivity`, for images of this size."""
    chroma = [0.5, 0.7, 0.9]
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
            {"along": "hue", "values": 36, "average": {"saturation": chroma, "value": chroma}},
        ),
    }
