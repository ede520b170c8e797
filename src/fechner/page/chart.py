"""A chart that a reader of the page explores: a plotly figure of one curve at a time, over references that stay.

How it looks is set here. What it can show is in `layout.meta` of the figure: the labels of both axes, the name of the step, and
the curves, each with its key (what every control chooses), its name, and a list with an entry a step of `steps`, `tops` (of
the vertical axis), `dash` (of the line), `y` and, where there are any, `low`, `high` and `uncertain` values. `page.js` puts the curve that is chosen into the
traces whose `meta` names one of these lists. Plotly's own menus, sliders and frames are not used: they cannot be reached
by keyboard, and an animation that changes the height of the legend leaves curves at a wrong height (plotly.js 4.1).
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import xarray as xr

from fechner import circular
from fechner.errors import printable
from fechner.plot.style import HUMAN, PRIOR, STATES

RELATIVE = "√J / mean √J"
LOGARITHMIC = ("component", "spatial_frequency")
# Okabe & Ito's colours have enough contrast on a light and on a dark page, as has this grey; `page.css` colours the text.
CURVE = STATES["pretrained"]
GREY = "rgba(128, 128, 128, 0.4)"
GRID = {"gridcolor": GREY, "zerolinecolor": GREY, "linecolor": GREY, "automargin": True}
LAYOUT = {
    "template": "none",
    "paper_bgcolor": "rgba(0, 0, 0, 0)",
    "plot_bgcolor": "rgba(0, 0, 0, 0)",
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 55, "r": 24, "t": 10, "b": 45},
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
    "showlegend": True,
    "hovermode": "x",
}
LINE = {"mode": "lines", "hoverinfo": "x+y"}
SIDE = {"mode": "lines", "hoverinfo": "skip", "showlegend": False, "line_width": 0}
TRACES = (
    {"meta": "low", **SIDE},
    {"meta": "high", **SIDE, "fill": "tonexty", "fillcolor": f"{CURVE}40"},
    {"meta": "y", **LINE, "line_width": 2.5, "line_color": CURVE, "zorder": 1},
    {"meta": "uncertain", "mode": "markers", "name": "integration error > 5 %", "hoverinfo": "skip", "zorder": 2}
    | {"marker_symbol": "circle-open", "marker_color": CURVE, "marker_size": 9},
)


@dataclass(frozen=True)
class Chart:
    """A figure, and what is chosen at first in each control, such as the layer; `notes` are lines below it."""

    title: str
    controls: dict[str, str]
    figure: Any
    notes: tuple[str, ...] = ()

    @property
    def last_step(self) -> int:
        """The place of the last step, of the curve that has most."""
        return max(len(curve["y"]) for curve in self.figure.layout.meta["curves"]) - 1

    @property
    def json(self) -> str:
        """The figure, safe inside a script element: plotly writes `<` as an escape."""
        return str(self.figure.to_json(engine="json"))


def chart(
    title: str,
    curves: xr.DataArray,
    controls: Sequence[str],
    *,
    half_width: xr.DataArray | float = np.nan,
    uncertain: xr.DataArray | bool = False,
    resolved: xr.DataArray | bool = True,
    step: str = "",
    references: Sequence[Any] = (),
    label: str = RELATIVE,
    notes: Sequence[str] = (),
) -> Chart:
    """Curves (…, parameter) over references that stay; the controls choose one curve by its coordinates.

    >>> values = xr.DataArray([[1.0, 2.0], [2.0, 1.0]], {"layer": ["a", "b"], "size": [1, 2]}, ("layer", "size"))
    >>> chart("Layers", values, ["layer"]).controls
    {'layer': 'b'}

    Args:
        title: what stands above it.
        curves: one curve for all values of every other dimension.
        controls: coordinates that tell curves apart. Those that are the same for all are left out.
        half_width: half the width of a curve's interval, in the shape of `curves`; NaN where there is none.
        uncertain: which values have a hollow point, in the shape of `curves`.
        resolved: which curves the grid resolves, in the shape of `curves` without the parameter; the others are dotted.
        step: a coordinate that is stepped through. Where it has two dimensions, curves differ in their steps, and one has
            none where it is NaN.
        references: what `reference` gives.
        label: what the curves are.
        notes: lines below the chart.
    """
    along, moment = curves.dims[-1], curves[step].dims[-1] if step else None
    several = [d for d in curves.dims if d not in (along, moment)]
    places = {d: np.arange(curves.sizes[d]) for d in several if d not in curves.coords}
    lists = xr.Dataset({"y": curves, "low": curves - half_width, "high": curves + half_width}).assign_coords(places)
    lists["uncertain"] = curves.where(xr.DataArray(uncertain) > 0)
    # Along the parameter too, so that it is stacked as the others are.
    lists["dash"] = xr.zeros_like(curves, bool) | (xr.DataArray(resolved) < 1)
    flat = lists.stack(curve=several, create_index=False)
    texts = {c: [printable(str(v)) for v in np.broadcast_to(flat[c].values, flat.sizes["curve"])] for c in controls}
    choices = {c: texts[c] for c in controls if len(set(texts[c])) > 1} or {controls[-1]: texts[controls[-1]]}
    keys = list(zip(*choices.values(), strict=True))
    behind = max((np.nanmax(r.y) for r in references), default=0.0)
    records = []
    for number, key in enumerate(keys):
        name = ", ".join(f"{c} {v}" if v.isdecimal() else v for c, v in zip(choices, key, strict=True))
        one = flat.isel(curve=number).transpose(..., along)
        records.append({"key": key, "name": name, "label": _text(name), **_steps(one, step, moment, behind)})
    x, _ = _closed(curves[along], curves[along])
    axis, name = _axis(curves[along])
    layout = {
        "meta": {"axes": [name, label], "step": step, "curves": records},
        "xaxis": {**GRID, **axis, "title_text": _text(name)},
        "yaxis": {**GRID, "title_text": _text(label)},
    }
    traces = [go.Scatter(x=_digits(x), **trace) for trace in TRACES]
    # At first, the last of those that the first curve stands among: the last layer of the first network.
    first = [key for key in keys if key[:-1] == keys[0][:-1]][-1]
    figure = go.Figure([*traces, *references], {**LAYOUT, **layout})
    return Chart(title, dict(zip(choices, first, strict=True)), figure, tuple(notes))


def _steps(curve: xr.Dataset, step: str, moment: Hashable, behind: float) -> dict[str, list[Any]]:
    """The lists of one curve, with an entry a step; an interval only where all of it is known."""
    if step:
        curve = curve.isel({moment: np.flatnonzero(np.isfinite(curve[step]))})
    lists = {str(n): np.atleast_2d(v) for n, v in curve.items()}
    dash = ["dot" if dotted else "solid" for dotted in np.atleast_1d(lists.pop("dash").any(-1))]
    # The axis holds every step, so that steps can be compared, and this step's interval.
    highest = np.max(lists["y"], where=np.isfinite(lists["y"]), initial=behind)
    tops = np.fmax(highest, lists["high"].max(-1))
    known = {n: _digits(v) for n, v in lists.items() if n == "y" or np.isfinite(v).all()}
    if np.isfinite(lists["uncertain"]).any():
        known["uncertain"] = _digits(lists["uncertain"])
    return {
        "steps": curve[step].values.tolist() if step else [],
        "dash": dash,
        "tops": _digits(1.05 * np.where(tops, tops, 1)),
        **known,
    }


def reference(name: str, density: xr.DataArray, formula: bool = False) -> Any:
    """A density (parameter,) relative to its mean, as what stays behind the curves; a formula has a dashed line."""
    (along,) = density.dims
    x, y = _closed((density / density.mean()).values, density[along])
    look = {"line_dash": "dash", "line_color": HUMAN} if formula else {"line_color": PRIOR}
    fill = {} if formula else {"fill": "tozeroy", "fillcolor": f"{PRIOR}33"}
    return go.Scatter(x=_digits(x), y=_digits(y), name=_text(name), line_width=1.5, **LINE, **look, **fill)


def _closed(curve: npt.ArrayLike, coordinate: xr.DataArray) -> tuple[Any, Any]:
    """Values and a curve (…, value); those of a circle go on to the first value."""
    curve, period = np.asarray(curve, float), circular.period_of(coordinate)
    if period is None:
        return coordinate.values, curve
    return np.append(coordinate, coordinate[0] + period), np.concatenate([curve, curve[..., :1]], -1)


def _axis(coordinate: xr.DataArray) -> tuple[dict[str, Any], str]:
    """The axis of a parameter, and its name with units."""
    period, units = circular.period_of(coordinate), str(coordinate.attrs.get("units", ""))
    name = str(coordinate.name).replace("_", " ") + (f" ({units})" if units not in ("", "1") else "")
    if coordinate.name in LOGARITHMIC:
        # Plotly by itself writes the digits between powers of ten without their power.
        low, high = np.log10([float(coordinate.min()), float(coordinate.max())])
        ticks = np.multiply.outer(10.0 ** np.arange(np.floor(low), high + 1), [1, 2, 5] if high - low < 2 else [1])
        return {"type": "log", "tickvals": _digits(ticks.ravel())}, name
    return ({"range": [0, period], "tickvals": np.linspace(0, period, 5).tolist()} if period else {}), name


def _text(text: str) -> str:
    """Text as plotly shows it as it is, without taking parts of it for tags or links; in lines that fit a narrow page."""
    return "<br>".join(html.escape(line, quote=False) for line in textwrap.wrap(printable(text), 36))


def _digits(values: npt.ArrayLike) -> list[Any]:
    """Nested lists of numbers of four digits."""
    return [_digits(v) if np.ndim(v) else float(f"{v:.4g}") for v in np.asarray(values)]
