"""What the checks of arguments take, and what they make of it; what they refuse is in tests/battery."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch

from fechner import FechnerError, Gabor, sensitivity
from fechner.arguments import AboveZero, Count, Real, Seed, Share, check_fields, checked, taken
from fechner.fisher.derivative import Central
from fechner.networks import Network
from fechner.stimuli import OrientedNoise, parameters, render, settings


@pytest.mark.parametrize(
    ("value", "hint", "found"),
    [
        (np.int64(3), int, 3),
        (np.array(3), Count, 3),
        (torch.tensor(3), Count, 3),
        (np.float32(0.5), Share, 0.5),
        (3, AboveZero, 3),
        (2**63 - 1, Seed, 2**63 - 1),
        (0, Share, 0),
        (1.0, Share, 1.0),
        (np.True_, bool, True),
        (None, int | None, None),
        ([1, 2.5], tuple[float, ...], (1, 2.5)),
        ((1, 2), Sequence[int], [1, 2]),
        (np.arange(3), Sequence[int], [0, 1, 2]),
        ("all", str | Sequence[str], "all"),
        ({"hue": "uniform"}, Mapping[str, str], {"hue": "uniform"}),
        (len, Callable[..., Any], len),
        ("a", Literal["a", 3], "a"),
        (Path("x"), str | Path, Path("x")),
        ([[1], [2]], npt.ArrayLike, [[1], [2]]),
        (object, Any, object),
        ("tied", Annotated[int, Real(1, 6)] | Literal["tied"], "tied"),
    ],
)
def test_taken(value: Any, hint: Any, found: Any) -> None:
    got = taken("x", value, hint)
    assert got == found
    assert type(got) is type(found)


def test_an_array_stays_itself() -> None:
    array = np.ones((3, 3))
    assert taken("x", array, npt.NDArray[np.float64]) is array


def test_python_names_what_is_missing_or_unknown() -> None:
    @checked
    def take(number: Count, *rest: int, share: Share = 0.5, **more: Any) -> Any:
        return number, rest, share, more

    assert take(np.int8(1), 2, share=1, other="x") == (1, (2,), 1, {"other": "x"})
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'number'"):
        take()  # type: ignore[call-arg]
    with pytest.raises(FechnerError, match="^number must be a whole number of at least 1, got 0$"):
        take(0)


def test_fields_of_ones_own_class() -> None:
    @dataclass(frozen=True)
    class Own:
        count: Count = 0  # a default is never checked
        anything: Missing = 3  # type: ignore[name-defined]  # noqa: F821

        def __post_init__(self) -> None:
            check_fields(self)

    # Annotations that cannot be resolved are left alone.
    assert Own("x", 4).anything == 4  # type: ignore[arg-type]


def test_numbers_of_numpy_are_recorded() -> None:
    stimulus = Gabor(size=np.int64(16), pixels_per_degree=np.float32(10), contrast=np.array(0.5))  # type: ignore[arg-type]
    assert json.loads(json.dumps(settings(stimulus)))["contrast"] == 0.5
    assert json.loads(json.dumps(settings(stimulus)))["size"] == 16


def test_values_that_are_near_are_not_the_same() -> None:
    orientation, hue = parameters(Gabor())["orientation"], parameters(Gabor())["phase"]
    assert orientation.values("orientation", [0, 1e-6, 179.999999]).tolist() == [0, 1e-6, 179.999999]
    assert hue.values("phase", [0, 180]).tolist() == [0, 180]
    assert len(orientation.values("orientation", 3600)) == 3600
    assert parameters(Gabor())["spatial_frequency"].values("spatial_frequency", [1, 2, 181]).tolist() == [1, 2, 181]


def test_a_central_difference_is_divided_by_the_step_that_was_made() -> None:
    """At 100 in float32 a step of 1e-5 becomes 0.76e-5 or 1.5e-5; the slope of r = 3θ must be 3."""
    method = Central(1e-5)
    values = {"orientation": torch.tensor([100.0, 150.0])}
    above, below = (3 * v.double() for v in method.prepare(values, "orientation")["orientation"].chunk(2))
    _, slope = method.derivative(torch.cat([above, below])[:, None])
    assert slope.flatten().tolist() == pytest.approx([3.0, 3.0])


def test_images_may_leave_the_range_by_rounding_and_noise_by_its_peaks() -> None:
    def rounded(orientation: torch.Tensor) -> torch.Tensor:
        return torch.full((len(orientation), 3, 4, 4), 1 + 5e-4)

    assert render(rounded, {"orientation": torch.zeros(2)}).shape == (2, 3, 4, 4)
    noise = OrientedNoise(size=32, pixels_per_degree=20)
    assert noise.overshoot == 0.1
    assert Gabor().overshoot == 1e-3


def test_the_range_is_that_of_the_image_and_not_of_its_derivative() -> None:
    """Images in [0, 1] may change by more than 1 a degree."""

    def steep(contrast: torch.Tensor) -> torch.Tensor:
        return (0.5 + (contrast - 0.5).view(-1, 1, 1, 1) * 40).expand(-1, 3, 8, 8)

    network = Network(torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.Flatten()).eval())
    found = sensitivity(network, steep, "contrast", [0.495, 0.5, 0.505], progress=False)
    assert found.fisher_information.sel(layer="input").values == pytest.approx(3 * 64 * 40**2)
