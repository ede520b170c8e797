"""The layout of results: what each kind holds at least, between which limits values lie, and which version wrote a file.

`fechner.contents` checks results against these tables whenever one is read, drawn or compared. A new kind of result needs
a line in `KINDS`; a change by which this version would misread older files needs a higher `LAYOUT`, and the files in
trainings/ converted. docs/results.md describes the same to users.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fechner.errors import FechnerError, printable

# Raised whenever an older file could be misread.
LAYOUT = 2
# Stands for the parameter that a result names in its attribute `along`.
ALONG = "along"
# The dimension of random draws of nuisance parameters.
DRAW = "draw"
# Marks of values and layers of curves that carry no claim, with their dimensions.
MARKS: dict[str, tuple[str, ...]] = {"uncertain": ("layer", ALONG), "resolved": ("layer",)}
# The variables that a result of each kind must hold, with their dimensions. A result may have more of both.
KINDS: dict[str, dict[str, tuple[str, ...]]] = {
    "sensitivity": {"fisher_information": ("layer", ALONG)},
    "density": dict.fromkeys(("density", "density_low", "density_high"), (ALONG,)),
    "comparison": {
        "relative_sensitivity": ("layer", ALONG),
        "reference_curve": ("reference", ALONG),
        **{f"{n}{end}": ("reference", "layer") for n in ("correlation", "exponent", "ratio") for end in ("", "_low", "_high")},
    },
    "difference": {
        "difference": ("layer", ALONG),
        "difference_by_seed": ("pair", "layer", ALONG),
        "relative_sensitivity": ("state", "layer", ALONG),
        **dict.fromkeys(("shift", "shift_low", "shift_high"), ("layer",)),
    },
    "training": {"validation_accuracy": ("epoch_end",)},
    "components": {"variance": ("component",), "components": ("component", "pixel"), "exponent": ()},
    "linear learning": {"end_to_end": ("step", "output", "component")},
    "label learning": {
        "fisher_information": ("seed", "step", "layer", ALONG),
        "accuracy": ("seed", "step", ALONG),
        "density": ("exposure", ALONG),
    },
    "figure": {},
    "part": {},
}  # fmt: skip
_POSITIVE = (0.0, np.inf)
# The limits between which variables and coordinates of these names lie, in results of any kind. Unknown values are NaN.
RANGES: dict[str, tuple[float, float]] = {
    **{f"fisher_information{end}": _POSITIVE for end in ("", "_se", "_samples", "_recorded", "_error")},
    **dict.fromkeys(
        ("sensitivity", "relative_sensitivity", "relative_sensitivity_se", "threshold", "variance", "power"), _POSITIVE
    ),
    **{f"density{end}": _POSITIVE for end in ("", "_low", "_high", "_jackknife")},
    **{f"correlation{end}": (-1.0, 1.0) for end in ("", "_low", "_high", "_jackknife")},
    **dict.fromkeys(("validation_accuracy", "validation_top5_accuracy", "accuracy", "depth"), (0.0, 1.0)),
    # Truth values, or shares where such were averaged, over seeds for instance.
    **dict.fromkeys(MARKS, (0.0, 1.0)),
    **dict.fromkeys(("step", "epoch", "epoch_end"), _POSITIVE),
    **{f"exponent{end}": (-np.inf, np.inf) for end in ("", "_low", "_high")},
}


def check_provenance(attributes: dict[Any, Any], tree: bool = False) -> None:
    """Raise `FechnerError` unless these are the attributes of a result, in the layout of this version.

    >>> check_provenance({"kind": "density", "layout": LAYOUT})

    They are those of a Dataset, or of the root of a `tree`; the data of a figure were a Dataset in an older layout.
    """
    if "kind" not in attributes and "fechner_version" not in attributes:
        raise FechnerError(
            "is no result of fechner: it has no attribute 'kind'; if it was made from one, copy its attributes, as in "
            "new.assign_attrs(old.attrs)"
        )
    kind, layout = str(attributes.get("kind", "")), attributes.get("layout", 0)
    if not isinstance(layout, int | np.integer):
        raise FechnerError(f"is damaged: its attribute layout must be a whole number, got {printable(repr(layout))}")
    if layout == LAYOUT and kind in KINDS and (tree or kind != "figure"):
        return
    writer = f"was written by fechner {printable(str(attributes.get('fechner_version', '?')))}"
    if layout > LAYOUT or kind not in ("", *KINDS):
        raise FechnerError(f"{writer}, which is newer than this one; upgrade fechner to read it")
    command = f": {printable(str(attributes['command']))}" if attributes.get("command") else ""
    if layout == LAYOUT and kind == "figure":
        raise FechnerError(f"is a Dataset, and a figure is a DataTree: use the whole tree, or make it again{command}")
    raise FechnerError(f"{writer} in an older layout, which this version cannot read; make it again{command}")
