"""Weights files: the tensors in them, read without executing code and checked for damage.

Only `zoo` and `efficientnet_lite` read weights, and they do it through `read`. No file may make Python run code, whatever it
holds: that is why unknown classes are replaced by stand-ins. Tests: tests/networks/test_weights.py.
"""

from __future__ import annotations

import json
import pickle
import re
import threading
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from fechner.errors import FechnerError, first_line
from fechner.outputs import expanded

_ENDINGS = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".tar")
# The name of one of several parts, such as model-00001-of-00002.safetensors.
_PART = re.compile(r"-\d+-of-0*([2-9]|[1-9]\d+)\.")
# Bytes that are read at a time.
_CHUNK = 2**22
# The list of classes that PyTorch may load is one for the whole process.
_one_at_a_time = threading.Lock()


def read(path: str | Path) -> dict[str, Tensor]:
    """All tensors of a weights file under their dotted names, such as "state_dict.conv1.weight".

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"state_dict": {"bias": torch.ones(2)}}, Path(folder, "a.pth"))
    ...     read(Path(folder, "a.pth"))
    {'state_dict.bias': tensor([1., 1.])}

    `path` is a .pt, .pth, .ckpt or .safetensors file whose ending is in upper or lower case, the index (.json) of a file that
    was saved in parts, or a folder with one of these. Raises `FechnerError` if it is missing, damaged, not weights, or would
    need to execute code.
    """
    path = expanded(path)
    if path.is_dir():
        path = _only_one(path)
    elif not path.is_file():
        raise FechnerError(
            f"no weights file '{path}'; give a file, or one of pretrained, init, shuffled, shuffled-with-buffers"
        )
    if path.suffix.lower() == ".json":
        return _parts(path)
    if part := _PART.search(path.name):
        raise FechnerError(
            f"'{path}' is one of {part[1]} parts; give their folder, or the index that ends in .index.json"
        )
    content = contents(path)
    if tensors := dict(_flat(content)):
        return tensors
    if isinstance(content, Mapping) and not any(isinstance(v, _Foreign) for v in content.values()):
        summary = ", ".join(f"{k} ({type(v).__name__})" for k, v in list(content.items())[:12]) or "nothing"
    elif isinstance(content, Mapping | _Foreign):
        raise _unsafe(path)
    else:
        summary = f"a {type(content).__name__}"
    raise FechnerError(f"'{path}' holds no state dict: expected names and tensors, and there is {summary}")


def contents(path: Path) -> object:
    """The content of a .safetensors or PyTorch file, in which Python objects besides tensors are replaced by stand-ins."""
    foreign: list[str] = []
    try:
        with path.open("rb") as file:
            start = file.read(9)
        # A .safetensors file begins with 8 bytes of length and then JSON; PK begins a zip archive.
        if start[8:] == b"{" and start[:2] != b"PK":
            from safetensors.torch import load_file

            return load_file(path)
        if zipfile.is_zipfile(path):
            _check_zip(path)
            foreign = get_unsafe_globals_in_checkpoint(path)
        with _one_at_a_time, safe_globals([(_stand_in(name), name) for name in foreign]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except FechnerError:
        raise
    except pickle.UnpicklingError as e:
        if foreign or "unsupported global" in str(e).lower():
            raise _unsafe(path) from None
        raise FechnerError(f"'{path}' is damaged or not a weights file") from None
    except Exception as e:
        raise FechnerError(f"'{path}' is truncated, damaged or not a weights file ({first_line(e)})") from None


class _Foreign:
    """Stands in for a Python object in a file, whatever it was, and does nothing."""

    def __new__(cls, *args: object, **kwargs: object) -> _Foreign:
        return object.__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class _Dictionary:
    """Stands in for any class of dictionary, and makes a plain one."""

    def __new__(cls, *args: object) -> dict[object, object]:  # type: ignore[misc]
        return {}


def _stand_in(name: str) -> type:
    return _Dictionary if name.lower().endswith("dict") else _Foreign


def _unsafe(path: Path) -> FechnerError:
    return FechnerError(
        f"'{path}' holds Python objects besides tensors, and loading them could run code: it was not loaded. "
        "If you trust it, save its state dict alone: torch.save(model.state_dict(), …)"
    )


def _check_zip(path: Path) -> None:
    """Raise `FechnerError` if the archive holds code, or if an entry's checksum does not agree with its bytes."""
    with zipfile.ZipFile(path) as archive:
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            raise FechnerError(
                f"'{path}' is a TorchScript archive, which holds code: it was not loaded. If you trust it, save its weights "
                "alone: torch.save(torch.jit.load(FILE).state_dict(), …)"
            )
        for entry in archive.infolist():
            # A file that was written without checksums has zeros in their place.
            if entry.CRC:
                try:
                    with archive.open(entry) as content:
                        while content.read(_CHUNK):
                            pass
                except zipfile.BadZipFile:
                    raise FechnerError(
                        f"'{path}' is damaged: the checksum of its entry '{entry.filename}' does not agree with its bytes; "
                        "copy or download it again"
                    ) from None


def _flat(content: object, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors in nested dictionaries, under their dotted names."""
    if isinstance(content, Tensor):
        yield prefix, content
    elif isinstance(content, Mapping):
        for name, value in content.items():
            yield from _flat(value, f"{prefix}.{name}" if prefix else str(name))


def _only_one(folder: Path) -> Path:
    """The weights file or the index in a folder; .safetensors files are preferred to others."""
    files = sorted(p for p in folder.iterdir() if p.is_file())
    indices = [p for p in files if p.name.lower().endswith(".index.json")]
    whole = [p for p in files if p.suffix.lower() in _ENDINGS and not _PART.search(p.name)]
    for candidates in (indices, whole):
        safe = [p for p in candidates if ".safetensors" in p.name.lower()]
        for preferred in (safe, candidates):
            if len(preferred) == 1:
                return preferred[0]
    if not whole and not indices:
        raise FechnerError(f"folder '{folder}' holds no weights file; expected one that ends in {', '.join(_ENDINGS)}")
    listed = ", ".join(p.name for p in [*indices, *whole][:12])
    raise FechnerError(f"folder '{folder}' holds several weights files; give one of them: {listed}")


def _parts(index: Path) -> dict[str, Tensor]:
    """The tensors of several files, which an index lists."""
    try:
        file_of = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        files = sorted(set(file_of.values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FechnerError(
            f"'{index}' is no index of weights: expected JSON with 'weight_map', names and files"
        ) from None
    tensors: dict[str, Tensor] = {}
    for file in files:
        if not isinstance(file, str) or Path(file).name != file:
            raise FechnerError(f"'{index}' names the file {file!r}; expected files in its own folder")
        if not (index.parent / file).is_file():
            raise FechnerError(
                f"'{index.parent / file}' is missing, one of the {len(files)} parts that '{index}' names"
            )
        tensors |= dict(_flat(contents(index.parent / file)))
    lacking = [name for name in file_of if name not in tensors]
    if lacking:
        raise FechnerError(f"{len(lacking)} tensors that '{index}' names are not in its parts, such as {lacking[0]}")
    return tensors
