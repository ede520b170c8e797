"""Results are xarray Datasets in NetCDF files, with a record of how they were made, and one layout for all kinds.

A result of several grids, such as a figure of the paper, is a DataTree: its root has the record, its nodes the Datasets.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeVar

import h5py
import numpy as np
import psutil
import torch
import xarray as xr

from fechner import outputs
from fechner.arguments import checked
from fechner.contents import KINDS as KINDS
from fechner.contents import LAYOUT as LAYOUT
from fechner.contents import along as along
from fechner.contents import check as check
from fechner.contents import noise_model as noise_model
from fechner.contents import pixels as pixels
from fechner.errors import FechnerError, first_line, printable
from fechner.outputs import expanded, whole

T = TypeVar("T")

# The noise model of Fisher information J = ‖∂r/∂θ‖².
UNIT_GAUSSIAN = "independent Gaussian, unit variance"

# A file ends in this and the SHA-256 of all before it. HDF5 looks no further than its own end, and drops what follows when
# a file is changed.
_SEAL = b"fechner sha256 "
# Attributes of variables by which numbers are changed when a file is read.
_MEANT = frozenset({"_FillValue", "missing_value", "scale_factor", "add_offset", "coordinates", "_Unsigned"})


def provenance(kind: str) -> dict[str, str | int]:
    """Kind and layout of a result, versions, command line and date, recorded with every result."""
    return {
        "kind": kind,
        "layout": LAYOUT,
        "fechner_version": version("fechner"),
        "torch_version": str(torch.__version__),
        "command": printable(f"{_program()} {shlex.join(sys.argv[1:])}".rstrip()),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _program() -> str:
    name = Path(sys.argv[0])
    return f"python -m {name.parent.name}" if name.name == "__main__.py" else shlex.quote(name.name)


@checked
def save(dataset: xr.Dataset | xr.DataTree, path: str | Path) -> Path:
    """Write a Dataset or a DataTree to a NetCDF file; the file appears whole or not at all.

    Attributes that NetCDF does not know are written as text: None as nothing, dictionaries as JSON, dates in ISO format.
    Raises `FechnerError` for what cannot be written so, or if the disk is full, for instance; what was there before is kept.
    """
    path = expanded(path)
    writable(path)
    # To memory first: HDF5 on a full disk brings the whole process down.
    try:
        made = bytes(_storable(dataset).to_netcdf(engine="h5netcdf"))
    except Exception as e:
        raise FechnerError(f"this {type(dataset).__name__} cannot be saved as NetCDF: {first_line(e)}") from e
    with whole(path) as part:
        part.write_bytes(made + _SEAL + hashlib.sha256(made).digest())
    return path


def _storable(dataset: Any) -> Any:
    """The same with attributes that NetCDF knows."""
    if isinstance(dataset, xr.DataTree):
        return xr.DataTree.from_dict({path: _storable(node) for path, node in dataset.to_dict().items()})
    # The encoding of a file that was read would cut longer names, joined to it since, to the length of its own.
    made = dataset.drop_encoding()
    made.attrs = _attributes(made.attrs)
    for name in made.variables:
        if meant := _MEANT.intersection(made[name].attrs):
            raise ValueError(f"NetCDF gives the attribute '{min(meant)}' of '{name}' a meaning of its own; rename it")
        made[name].attrs = _attributes(made[name].attrs)
    return made


def _attributes(given: Mapping[Any, Any]) -> dict[str, Any]:
    made = {}
    for name, value in given.items():
        try:
            made[str(name)] = _plain(value)
        except (TypeError, ValueError, RecursionError):
            raise TypeError(
                f"its attribute '{name}' holds a {type(value).__name__}; give it as numbers or text, or leave it out"
            ) from None
    return made


def _plain(value: Any) -> Any:
    """An attribute as a number, as text, or as numbers or texts alike."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return _plain(value.decode())
    if isinstance(value, str):
        # Names of files may hold bytes that are no text.
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, float | np.floating | np.integer) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, int | Path | datetime.date | np.datetime64 | np.timedelta64 | torch.dtype | torch.device):
        return str(value)
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and value.ndim < 2 and value.dtype.kind in "fiu" and value.size:
        return value
    given = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(given, list | tuple) and given:
        made = [_plain(v) if isinstance(v, str | bool | int | float) else v for v in given]
        if {type(v) for v in made} <= {int, float} or {type(v) for v in made} == {str}:
            return made
    return json.dumps(value, default=_as_json, ensure_ascii=False)


def _as_json(value: Any) -> Any:
    """What JSON does not know, inside an attribute."""
    if isinstance(value, np.ndarray | np.generic | torch.Tensor):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Path | datetime.date | torch.dtype | torch.device):
        return str(value)
    raise TypeError(type(value).__name__)


def writable(path: str | Path) -> None:
    """Raise `FechnerError` now rather than after the work, if a result cannot be written there.

    A file that is no result, such as weights or photographs, is not replaced, whatever it is called.
    """
    outputs.writable(path)
    path = expanded(path)
    if path.suffix.lower() == ".nc" or not path.exists():
        return
    with suppress(OSError), path.open("rb") as file:
        if file.read(4) not in (b"", b"\x89HDF"):
            raise FechnerError(
                f"'{path}' exists and holds no result; choose another output, such as one that ends in .nc"
            )


@checked
def read(path: str | Path) -> Any:
    """Read a Dataset, or a DataTree where a result has several grids, that `save` wrote.

    Raises `FechnerError` if the file is missing, damaged, not one of ours, in the layout of another version, or if
    what results of its kind hold is missing or cannot be.
    """
    path = expanded(path)
    if not path.is_file():
        raise FechnerError(f"no result file '{path}'")
    engine: Literal["scipy", "h5netcdf"] = "scipy" if _classic(path) else "h5netcdf"
    opened: Callable[..., Any] = xr.open_dataset
    try:
        if engine == "h5netcdf":
            # h5netcdf leaves a traceback on the terminal where HDF5 itself cannot open a file.
            with h5py.File(path, "r") as file:
                list(file.attrs.items())
                if any(isinstance(held, h5py.Group) for held in file.values()):
                    opened = xr.open_datatree
        units = xr.coders.CFTimedeltaCoder(decode_via_units=False)
        with opened(path, engine=engine, decode_timedelta=units) as found:
            if found.nbytes > psutil.virtual_memory().available:
                raise ValueError(f"it says that it holds {found.nbytes / 1e9:.0f} GB, more than fit into memory")
            dataset = found.load()
    except Exception as e:
        raise FechnerError(f"'{path}' is damaged or not a NetCDF file ({printable(first_line(e))})") from None
    if "fechner_version" not in dataset.attrs:
        raise FechnerError(f"'{path}' was not written by fechner: it has no attribute fechner_version")
    try:
        check(dataset)
    except FechnerError as e:
        raise FechnerError(f"'{path}' {e}") from None
    return dataset


def _classic(path: Path) -> bool:
    """Whether a file is NetCDF 3; `FechnerError` if it cannot be read, or has changed since `save` wrote it."""
    try:
        with path.open("rb") as file:
            first = file.read(4)
            if first[:3] == b"CDF":
                if first[3:] not in (b"\1", b"\2"):
                    raise FechnerError(f"'{path}' is in the CDF-5 format; convert it with nccopy -k nc4")
                return True
            size = os.path.getsize(path) - len(_SEAL) - hashlib.sha256().digest_size
            file.seek(max(size, 0))
            seal = file.read()
            if size > 0 and seal.startswith(_SEAL):
                file.seek(0)
                digest = hashlib.sha256()
                while size and (block := file.read(min(size, 1 << 20))):
                    digest.update(block)
                    size -= len(block)
                if digest.digest() != seal[len(_SEAL) :]:
                    raise FechnerError(f"'{path}' is damaged: it has changed since it was written; make it again")
    except OSError as e:
        raise FechnerError(f"cannot read '{path}' ({e.strerror})") from None
    return False


def read_json(path: Path, expected: type[T], remedy: str) -> T:
    """What a JSON file holds; `FechnerError` with a remedy if it cannot be read or is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise FechnerError(f"cannot read '{path}' ({e.strerror}); {remedy}") from None
    except (ValueError, RecursionError) as e:
        raise FechnerError(f"'{path}' is damaged ({printable(first_line(e))}); {remedy}") from None
    if not isinstance(found, expected):
        raise FechnerError(
            f"'{path}' is damaged (a {expected.__name__} was expected, not {type(found).__name__}); {remedy}"
        )
    return found
