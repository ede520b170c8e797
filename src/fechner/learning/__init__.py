"""How sensitivity emerges in learning: without labels in linear networks (`learn`), and with labels (`learn_labels`).

Without labels, `linear` learns a `linear_network` from a `stage`, with `flow` as one of its engines; `theory` has the
closed forms, and `readouts` reads results. With labels, `supervised` learns a `task` under an `exposure` with noise from
`labels`, while `recorder` measures; `history` reads results.
"""

from __future__ import annotations

from fechner.learning import history, readouts, theory
from fechner.learning.exposure import Exposure, band, sinusoidal
from fechner.learning.labels import (
    Channel,
    Erasure,
    Flips,
    balanced_noise,
    imbalance,
    published_noise,
    specific_information,
)
from fechner.learning.linear import learn
from fechner.learning.linear_network import LinearNetwork
from fechner.learning.perceptron import Perceptron
from fechner.learning.stage import Stage
from fechner.learning.supervised import learn_labels
from fechner.learning.task import GRATING, Task

__all__ = [
    "GRATING",
    "Channel",
    "Erasure",
    "Exposure",
    "Flips",
    "LinearNetwork",
    "Perceptron",
    "Stage",
    "Task",
    "balanced_noise",
    "band",
    "history",
    "imbalance",
    "learn",
    "learn_labels",
    "published_noise",
    "readouts",
    "sinusoidal",
    "specific_information",
    "theory",
]
