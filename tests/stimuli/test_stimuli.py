"""Every stimulus, in every continuous parameter: derivatives, range, mean luminance, conventions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fechner import FechnerError, Gabor, Stimulus
from fechner.stimuli import STIMULI, Grating, GratingInNoise, OrientedNoise, parameters, stimulus
from fechner.stimuli.apertures import aperture
from fechner.stimuli.base import render
from fechner.stimuli.noise import gaussian_field
from fechner.stimuli.parameter import Length

WITH_CONTRAST = [n for n in STIMULI if "contrast" in parameters(stimulus(n))]
ORIENTED = [n for n in STIMULI if "orientation" in parameters(stimulus(n))]


def small(name: str) -> Stimulus:
    shown = stimulus(name)
    fields: dict[str, float] = {"size": 20, "pixels_per_degree": 10.0}
    # One channel stands for all three, where they are the same.
    fields |= {"channels": 1} if type(shown).image is Stimulus.image else {}
    fields |= {"spatial_frequency": 2.0} if "spatial_frequency" in parameters(shown) else {}
    return stimulus(name, **fields)


def inert(name: str, parameter: str) -> bool:
    """Uniform patches have no scale, low-pass noise no bandwidth in octaves."""
    uniform = name.startswith(("hue-", "spectral"))
    return (name, parameter) == ("noise-low-pass", "octaves") or (uniform and parameter == "pixels_per_degree")


CASES = [(n, p) for n in STIMULI for p in parameters(small(n)) if not inert(n, p)]


def usual(shown: Stimulus, parameter: str) -> float:
    """A value that is nothing special."""
    chosen = {"orientation": 23.0, "hue": 40.0, "phase": 40.0, "surround_phase": 40.0, "wavelength": 560.0}
    return chosen.get(parameter, 0.73 * float(getattr(shown, parameter)))


@pytest.mark.parametrize(("name", "parameter"), CASES)
def test_forward_and_reverse_derivatives_agree_with_differences(name: str, parameter: str) -> None:
    shown = small(name)
    value = torch.tensor([usual(shown, parameter)], dtype=torch.float64, requires_grad=True)

    def image(v: torch.Tensor) -> torch.Tensor:
        return shown(**{parameter: v})

    # The fast mode compares random sums over the pixels instead of every pixel.
    assert torch.autograd.gradcheck(image, (value,), eps=1e-5, atol=1e-6, check_forward_ad=True, fast_mode=True)
    with torch.no_grad():
        assert (image(value + 0.01) - image(value)).abs().max() > 1e-7


@pytest.mark.parametrize(("name", "parameter"), CASES)
def test_every_transform_of_torch_func_goes_through(name: str, parameter: str) -> None:
    shown = small(name)
    values = usual(shown, parameter) * torch.tensor([1.0, 0.9], dtype=torch.float64)

    def image(v: torch.Tensor) -> torch.Tensor:
        return shown(**{parameter: v})

    # What is kept from one call to the next must not belong to a transform.
    gaussian_field.cache_clear()
    images, slopes = torch.func.jvp(image, (values,), (torch.ones_like(values),))
    assert torch.equal(images, image(values))
    gaussian_field.cache_clear()
    one_by_one = torch.func.vmap(torch.func.jacfwd(lambda v: image(v)[0]))(values)
    assert torch.allclose(one_by_one, slopes, atol=1e-9)
    _, pulled = torch.func.vjp(image, values)
    assert torch.allclose(pulled(slopes)[0], slopes.square().sum((1, 2, 3)), rtol=1e-9)


def test_noise_drawn_in_inference_mode_can_be_learned_from() -> None:
    gaussian_field.cache_clear()
    with torch.inference_mode():
        GratingInNoise()()
    contrast = torch.tensor([0.1], requires_grad=True)
    GratingInNoise()(noise_contrast=contrast).std().backward()
    assert contrast.grad is not None


def test_values_are_checked_inside_vmap_too() -> None:
    with pytest.raises(FechnerError, match=r"contrast must lie in \[0, 1\] 1, got 1.5"):
        torch.func.vmap(lambda v: Gabor()(contrast=v)[0])(torch.tensor([0.5, 1.5]))
    with pytest.raises(FechnerError, match="leaves the sRGB gamut"):
        torch.func.vmap(lambda v: stimulus("hue-lch")(chroma=v)[0])(torch.tensor([30.0, 90.0]))


@pytest.mark.parametrize("name", WITH_CONTRAST)
@pytest.mark.parametrize("phase", [0.0, 77.0, 180.0])
def test_mean_luminance_is_half_at_every_contrast_and_phase(name: str, phase: float) -> None:
    contrasts = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64) * stimulus(name).contrast  # type: ignore[attr-defined]
    images = stimulus(name)(contrast=contrasts, phase=phase)
    assert torch.allclose(images.mean((1, 2, 3)), torch.full((3,), 0.5, dtype=torch.float64), atol=1e-9)
    assert images.min() >= 0
    assert images.max() <= 1
    modulation = images - images[:1]
    assert torch.allclose(modulation[1] * 2, modulation[2], atol=1e-9)


@settings(max_examples=settings().max_examples // 3)
@given(st.floats(0, 180), st.floats(0, 360), st.floats(0.5, 20), st.floats(0.05, 0.6), st.floats(0.3, 3))
def test_gabor_stays_in_range_with_mean_half(o: float, phase: float, f: float, sigma: float, aspect: float) -> None:
    image = Gabor(o, f, phase, sigma=sigma, aspect=aspect, size=64, pixels_per_degree=40.0)()
    assert image.min() >= 0
    assert image.max() <= 1
    assert abs(float(image.double().mean()) - 0.5) < 1e-5


@pytest.mark.parametrize("name", ORIENTED)
def test_period_of_orientation(name: str) -> None:
    # Half a turn reverses the direction across the bars: the phase changes sign.
    phases = {} if "noise-" in name else {"phase": torch.tensor([50.0, -50.0], dtype=torch.float64)}
    surround = {"surround_orientation": torch.tensor([30.0, 210.0]).double()} if "surround" in name else {}
    images = small(name)(orientation=torch.tensor([30.0, 210.0], dtype=torch.float64), **phases, **surround)
    assert torch.allclose(images[0], images[1], atol=1e-9)


def test_orientation_is_that_of_the_bars_counter_clockwise() -> None:
    horizontal, oblique, vertical = Grating(aperture="none")(orientation=torch.tensor([0.0, 45.0, 90.0]))[:, 0]
    assert torch.allclose(horizontal, horizontal[:, :1].expand_as(horizontal), atol=1e-5)
    assert torch.allclose(vertical, vertical[:1].expand_as(vertical), atol=1e-4)
    # Along 45° one goes right and up, that is to smaller rows.
    assert torch.allclose(oblique[1:, :-1], oblique[:-1, 1:], atol=1e-4)


def test_noise_has_its_energy_at_its_orientation() -> None:
    for angle in (0.0, 30.0, 90.0, 120.0):
        image = OrientedNoise(angle, bandwidth=5, aperture="none")(orientation=torch.tensor([angle]).double())[
            0, 0
        ].numpy()
        gy, gx = np.gradient(image)
        # Bars lie at right angles to the gradient; rows run down.
        doubled = 2 * (np.arctan2(-gy, gx) + np.pi / 2)
        found = np.rad2deg(np.angle(((gx**2 + gy**2) * np.exp(1j * doubled)).sum())) / 2 % 180
        assert min(abs(found - angle), 180 - abs(found - angle)) < 2


@pytest.mark.parametrize("phase", [0.0, 90.0])
def test_raw_pixels_of_the_default_gabor_are_a_flat_null(phase: float) -> None:
    o = torch.arange(0, 180, 7.5, dtype=torch.float64)
    _, slope = torch.func.jvp(lambda v: Gabor()(orientation=v, phase=phase), (o,), (torch.ones_like(o),))
    j = slope.square().sum((1, 2, 3))
    assert j.max() / j.min() - 1 < 1e-3


def test_same_seed_same_noise() -> None:
    one, two, other = (GratingInNoise(seed=s)() for s in (3, 3, 4))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("kind", ["hard", "soft", "hamming", "gaussian"])
def test_apertures_fall_from_one(kind: str) -> None:
    r = torch.linspace(0, 2, 400)
    window = aperture(kind, r, torch.tensor(1.0), torch.tensor(0.2))  # type: ignore[arg-type]
    assert window[0] == pytest.approx(1, abs=1e-6)
    assert (window.diff() <= 1e-6).all()
    assert window[-1] <= 0.01


@dataclass(frozen=True)
class Rings(Stimulus):
    radius: Length = 0.5

    def luminance(self) -> torch.Tensor:
        x, y = self.grid()
        return 0.5 + 0.5 * torch.cos(torch.hypot(x, y) / self.radius)


def test_own_stimulus() -> None:
    assert Rings()(radius=torch.tensor([0.2, 0.4])).shape == (2, 3, 224, 224)
    with pytest.raises(FechnerError, match="radius must be greater than 0"):
        Rings(radius=0)


def test_callable_stimulus_knows_usual_names() -> None:
    def mine(orientation: torch.Tensor, size: float = 3) -> torch.Tensor:
        return orientation.view(-1, 1, 1, 1).expand(-1, 3, 8, 8)

    assert parameters(mine)["orientation"].period == 180
    assert render(mine, {"orientation": torch.zeros(4)}).shape == (4, 3, 8, 8)
    with pytest.raises(FechnerError, match="floating-point images"):
        render(lambda hue: hue, {"hue": torch.zeros(4)})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gabor(sigma=0), "sigma must be greater than 0 degree, got 0"),
        (lambda: Gabor(contrast=1.2), r"contrast must lie in \[0, 1\]"),
        (lambda: Gabor(spatial_frequency=60), "Nyquist limit of 50"),
        (lambda: Gabor(size=1), "size must be a whole number"),
        (lambda: Gabor(orientation=float("nan")), "orientation must be finite"),
        (lambda: Grating(aperture="square"), "unknown aperture 'square'"),  # type: ignore[arg-type]
        (lambda: GratingInNoise(contrast=0.9), "lower one of them"),
        (
            lambda: stimulus("noise-low-pass", octaves=1.0),
            "octaves is the bandwidth of band-pass noise and does nothing in",
        ),
        (lambda: stimulus("noise-low-pass")(octaves=torch.tensor([0.5, 0.7])), "low-pass noise, got 0.7: leave it out"),
        (lambda: stimulus("gabour"), "did you mean: gabor"),
        (lambda: stimulus("gabor", sigmaa=1), "did you mean: sigma"),
        (lambda: Gabor()(hue=torch.zeros(1)), "unknown parameter of Gabor 'hue'"),
        (lambda: Gabor()(contrast=torch.tensor([0.5, 2.0])), "got 2"),
        (lambda: stimulus("gabor", sigma="wide"), "sigma must be a number"),
    ],
)
def test_bad_values_are_named(make, message: str) -> None:
    with pytest.raises(FechnerError, match=message):
        make()
