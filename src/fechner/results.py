"""Results are xarray Datasets in NetCDF files, with a record of how they were made."""

from __future__ import annotations

import datetime
import os
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

import torch
import xarray as xr

from fechner.errors import FechnerError


def provenance() -> dict[str, str]:
    """Versions, command line and date, recorded with every result."""
    return {
        "fechner_version": version("fechner"),
        "torch_version": str(torch.__version__),
        "command": f"{_program()} {shlex.join(sys.argv[1:])}".rstrip(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _program() -> str:
    name = Path(sys.argv[0])
    return f"python -m {name.parent.name}" if name.name == "__main__.py" else shlex.quote(name.name)


def save(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write a Dataset to a NetCDF file; the file appears whole or not at all."""
    path = Path(path)
    writable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        dataset.to_netcdf(part, engine="h5netcdf")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def read(path: str | Path) -> xr.Dataset:
    """Read a Dataset that `save` wrote; `FechnerError` if the file is missing, damaged or not one of ours."""
    path = Path(path)
    if not path.is_file():
        raise FechnerError(f"no result file '{path}'")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as found:
            dataset = found.load()
    except Exception as e:
        reason = (str(e).splitlines() or [type(e).__name__])[0]
        raise FechnerError(f"'{path}' is damaged or not a NetCDF file ({reason})") from None
    if "fechner_version" not in dataset.attrs:
        raise FechnerError(f"'{path}' was not written by fechner: it has no attribute fechner_version")
    return dataset


def writable(path: Path) -> None:
    """Raise `FechnerError` now rather than after the work, if a file cannot be written there."""
    folder = path.parent
    if path.is_dir():
        raise FechnerError(f"'{path}' is a folder; give the name of a file to write")
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise FechnerError(f"cannot make the folder '{folder}' ({e.strerror})") from None
    allowed = os.access(folder, os.W_OK)
    # Only a trial: work that fails later leaves no empty folders behind.
    for made in missing:
        made.rmdir()
    if not allowed:
        raise FechnerError(f"cannot write in '{folder}'; choose another output or change its permissions")
