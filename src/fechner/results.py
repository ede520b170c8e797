"""Results are xarray Datasets in NetCDF files, with a record of how they were made, and one layout for all kinds.

A result of several grids, such as a figure of the paper, is a DataTree: its root has the record, its nodes the Datasets.
Everything that the package saves or reads goes through `save` and `read`. A file appears whole or not at all, ends in a
checksum, and is checked by `fechner.contents` when it is read. docs/results.md describes the layout to users.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping
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
from fechner.contents import along as along
from fechner.contents import check as check
from fechner.contents import noise_model as noise_model
from fechner.contents import pixels as pixels
from fechner.errors import FechnerError, first_line, printable
from fechner.layout import KINDS as KINDS
from fechner.layout import LAYOUT as LAYOUT
from fechner.outputs import expanded, whole

T = TypeVar("T")

# The noise model of Fisher information J = ‖∂r/∂θ‖².
UNIT_GAUSSIAN = "independent Gaussian, unit variance"

# A file ends in these bytes and the SHA-256 of all bytes before them. HDF5 ignores what follows its own data, and drops it
# when a file is changed, so that other programs can read and change these files.
_SEAL = b"fechner sha256 "
# NetCDF gives these attributes a meaning, and xarray changes the numbers of a variable by them when it reads a file.
_RESERVED = frozenset({"_FillValue", "missing_value", "scale_factor", "add_offset", "coordinates", "_Unsigned"})


def provenance(kind: str) -> dict[str, str | int]:
    """Kind and layout of a result, versions, command line and date, recorded with every result.

    >>> provenance("density")["kind"]
    'density'
    """
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
    """Write a Dataset or a DataTree to a NetCDF file, and return its path; the file appears whole or not at all.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read(save(xr.Dataset(attrs=provenance("part")), f"{folder}/new/part.nc")).attrs["kind"]
    'part'

    The name must end in .nc. Folders that are missing are made, and an older file of this name is replaced. Attributes of
    a type that NetCDF lacks are written as text: None as an empty text, dictionaries as JSON, dates in ISO format.

    Raises `FechnerError` for a name with another ending, for what NetCDF cannot hold, and if the file cannot be written, on
    a full disk for instance. The older file is then still there.
    """
    path = expanded(path)
    writable(path)
    # To memory first: on a full disk, HDF5 would end the whole process.
    try:
        encoded = bytes(_storable(dataset).to_netcdf(engine="h5netcdf"))
    except Exception as e:
        raise FechnerError(f"this {type(dataset).__name__} cannot be saved as NetCDF: {first_line(e)}") from e
    with whole(path) as part:
        part.write_bytes(encoded + _SEAL + hashlib.sha256(encoded).digest())
    return path


def _storable(dataset: Any) -> Any:
    """The same Dataset or DataTree, with attributes that NetCDF can hold."""
    if isinstance(dataset, xr.DataTree):
        return xr.DataTree.from_dict({path: _storable(node) for path, node in dataset.to_dict().items()})
    # A file that was read fixes the length of its texts, to which xarray would cut longer names that were joined since.
    dataset = dataset.drop_encoding()
    dataset.attrs = _attributes(dataset.attrs)
    for name in dataset.variables:
        if reserved := _RESERVED.intersection(dataset[name].attrs):
            raise ValueError(
                f"NetCDF gives the attribute '{min(reserved)}' of '{name}' a meaning of its own; rename it"
            )
        dataset[name].attrs = _attributes(dataset[name].attrs)
    return dataset


def _attributes(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    plain = {}
    for name, value in attributes.items():
        try:
            plain[str(name)] = _plain(value)
        except (TypeError, ValueError, RecursionError):
            raise TypeError(
                f"its attribute '{name}' has a value of type '{type(value).__name__}'; make it numbers or text, or remove it"
            ) from None
    return plain


def _plain(value: Any) -> Any:
    """An attribute as one number or text, or as several of one type."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return _plain(value.decode())
    if isinstance(value, str):
        # Names of files may hold bytes that are not UTF-8.
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
    items = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(items, list | tuple) and items:
        plain = [_plain(v) if isinstance(v, str | bool | int | float) else v for v in items]
        if {type(v) for v in plain} <= {int, float} or {type(v) for v in plain} == {str}:
            return plain
    return json.dumps(value, default=_as_json, ensure_ascii=False)


def _as_json(value: Any) -> Any:
    """A value inside an attribute that JSON cannot hold, as one that it can."""
    if isinstance(value, np.ndarray | np.generic | torch.Tensor):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Path | datetime.date | torch.dtype | torch.device):
        return str(value)
    raise TypeError(type(value).__name__)


def writable(path: str | Path) -> None:
    """Raise `FechnerError` now rather than after the work, if a result cannot be written to this file.

    >>> writable("curves.csv")
    Traceback (most recent call last):
    fechner.errors.FechnerError: a result is a NetCDF file: its name must end in .nc, got 'curves.csv'

    The ending also keeps files that are no results, such as weights or photographs, from being replaced.
    """
    outputs.writable(path)
    if Path(path).suffix.lower() != ".nc":
        raise FechnerError(f"a result is a NetCDF file: its name must end in .nc, got '{path}'")


@checked
def read(path: str | Path) -> Any:
    """Read the Dataset that `save` wrote to a file, or the DataTree where a result has several grids.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read(save(xr.Dataset(attrs=provenance("part")), f"{folder}/part.nc")).attrs["kind"]
    'part'

    Raises `FechnerError` if the file is missing, damaged, not written by this package or in the layout of another version,
    or if it lacks something that results of its kind hold, or has values there that cannot be.
    """
    path = expanded(path)
    if not path.is_file():
        raise FechnerError(f"no result file '{path}': give one that fechner saved, such as with --out")
    engine: Literal["scipy", "h5netcdf"] = "scipy" if _classic(path) else "h5netcdf"
    opened: Callable[..., Any] = xr.open_dataset
    try:
        if engine == "h5netcdf":
            # Where HDF5 cannot open a file, h5netcdf would print a traceback, and h5py raises an error that can be caught.
            with h5py.File(path, "r") as file:
                list(file.attrs.items())
                if any(isinstance(item, h5py.Group) for item in file.values()):
                    opened = xr.open_datatree
        units = xr.coders.CFTimedeltaCoder(decode_via_units=False)
        with opened(path, engine=engine, decode_timedelta=units) as lazy:
            if lazy.nbytes > psutil.virtual_memory().available:
                raise ValueError(f"it says that it holds {lazy.nbytes / 1e9:.0f} GB, more than fit into memory")
            dataset = lazy.load()
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
    """The content of a JSON file; `FechnerError` with a remedy if it cannot be read, is damaged or is of another type."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise FechnerError(f"cannot read '{path}' ({e.strerror}); {remedy}") from None
    except (ValueError, RecursionError) as e:
        raise FechnerError(f"'{path}' is damaged ({printable(first_line(e))}); {remedy}") from None
    if not isinstance(content, expected):
        raise FechnerError(
            f"'{path}' is damaged (a {expected.__name__} was expected, not {type(content).__name__}); {remedy}"
        )
    return content
