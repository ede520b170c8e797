"""Results are xarray Datasets in NetCDF files, with a record of how they were made, and one layout for all kinds."""

from __future__ import annotations

import datetime
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch
import xarray as xr

from fechner.errors import FechnerError, first_line

# Raised whenever a file of before could be misread.
LAYOUT = 1
# Stands for the parameter that a result names in its attribute `along`.
ALONG = "along"
# What a result of each kind holds at least, and the dimensions of it; there may be more of both.
KINDS: dict[str, dict[str, tuple[str, ...]]] = {
    "sensitivity": {"sensitivity": ("layer", ALONG)},
    "density": dict.fromkeys(("density", "density_low", "density_high"), (ALONG,)),
    "comparison": {"correlation": ("reference", "layer"), "relative_sensitivity": ("layer", ALONG)},
    "difference": {"difference": ("layer", ALONG), "shift": ("layer",)},
    "training": {"validation_accuracy": ("epoch_end",)},
    "components": {"variance": ("component",), "components": ("component", "pixel")},
    "linear learning": {"end_to_end": ("step", "output", "component")},
    "label learning": {"sensitivity": ("seed", "step", "layer", ALONG), "accuracy": ("seed", "step", ALONG)},
    "figure": {},
    "part": {},
}


def provenance(kind: str) -> dict[str, str | int]:
    """Kind and layout of a result, versions, command line and date, recorded with every result."""
    return {
        "kind": kind,
        "layout": LAYOUT,
        "fechner_version": version("fechner"),
        "torch_version": str(torch.__version__),
        "command": f"{_program()} {shlex.join(sys.argv[1:])}".rstrip(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _program() -> str:
    name = Path(sys.argv[0])
    return f"python -m {name.parent.name}" if name.name == "__main__.py" else shlex.quote(name.name)


def save(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write a Dataset to a NetCDF file; the file appears whole or not at all.

    Raises `FechnerError` if it cannot be written, on a full disk for instance; what was there before is kept.
    """
    path = Path(path)
    writable(path)
    # To memory first: HDF5 on a full disk brings the whole process down. The encoding of a file that was read would cut
    # longer names, joined to it since, to the length of its own.
    made = dataset.drop_encoding().to_netcdf(engine="h5netcdf")
    with whole(path) as part:
        part.write_bytes(made)
    return path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """The path to write to instead of `path`, which it replaces once it is on the disk; folders are made.

    Raises `FechnerError` if it cannot be written, on a full disk for instance; what was there before is kept.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as e:
        kept = "; what it held before is kept" if path.exists() else ""
        raise FechnerError(f"cannot write '{path}' ({e.strerror}){kept}; make room or choose another output") from None
    finally:
        part.unlink(missing_ok=True)


def read(path: str | Path) -> xr.Dataset:
    """Read a Dataset that `save` wrote.

    Raises `FechnerError` if the file is missing, damaged, not one of ours, in the layout of another version, or if
    variables that results of its kind hold are missing.
    """
    path = Path(path)
    if not path.is_file():
        raise FechnerError(f"no result file '{path}'")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as found:
            dataset = found.load()
    except Exception as e:
        reason = first_line(e)
        raise FechnerError(f"'{path}' is damaged or not a NetCDF file ({reason})") from None
    if "fechner_version" not in dataset.attrs:
        raise FechnerError(f"'{path}' was not written by fechner: it has no attribute fechner_version")
    try:
        check(dataset)
    except FechnerError as e:
        raise FechnerError(f"'{path}' {e}") from None
    return dataset


def check(dataset: xr.Dataset) -> None:
    """Raise `FechnerError` if a Dataset does not hold what results of its kind hold."""
    layout, kind = int(dataset.attrs.get("layout", 0)), str(dataset.attrs.get("kind", ""))
    if layout != LAYOUT or kind not in KINDS:
        writer = f"was written by fechner {dataset.attrs.get('fechner_version', '?')}"
        if layout > LAYOUT or kind not in ("", *KINDS):
            raise FechnerError(f"{writer}, which is newer than this one; upgrade fechner to read it")
        command = f": {dataset.attrs['command']}" if dataset.attrs.get("command") else ""
        raise FechnerError(f"{writer} in an older layout, which this version cannot read; make it again{command}")
    along = str(dataset.attrs.get("along", ""))
    for name, dimensions in KINDS[kind].items():
        needed = tuple(along if d == ALONG else d for d in dimensions)
        if ALONG in dimensions and not along:
            raise FechnerError("is incomplete: it has no attribute along, which names the parameter")
        if name not in dataset:
            raise FechnerError(f"is incomplete: a result of kind '{kind}' holds '{name}', and this one does not")
        absent = [d for d in needed if not dataset[name].sizes.get(d)]
        if absent:
            raise FechnerError(f"is incomplete: its '{name}' has no values along {', '.join(map(repr, absent))}")
    if along in dataset.coords and "units" not in dataset[along].attrs:
        raise FechnerError(f"is incomplete: its coordinate '{along}' has no units")


def writable(path: Path) -> None:
    """Raise `FechnerError` now rather than after the work, if a file cannot be written there."""
    folder = path.parent
    if os.path.isdir(path):
        raise FechnerError(f"'{path}' is a folder; give the name of a file to write")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise FechnerError(f"'{path}' is read-only; choose another output or change its permissions")
    # Nothing with a name is made, which another process might trip over; permissions alone do not tell of every disk.
    nearest = next(p for p in (folder, *folder.parents) if os.path.lexists(p))
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as e:
        if os.path.isdir(folder):
            raise FechnerError(
                f"cannot write in '{folder}' ({e.strerror}); choose another output or change its permissions"
            ) from None
        raise FechnerError(f"cannot make the folder '{folder}' ({e.strerror})") from None
