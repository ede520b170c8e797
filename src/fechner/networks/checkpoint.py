"""Weights files: the tensors in them, read without executing code and checked for damage."""

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
_PART = re.compile(r"-\d+-of-0*([2-9]|[1-9]\d+)\.")
_AT_ONCE = 2**22
# PyTorch keeps what may be loaded in one list of the whole process.
_one_at_a_time = threading.Lock()


def read(path: str | Path) -> dict[str, Tensor]:
    """All tensors of a weights file under their dotted names, such as "state_dict.conv1.weight".

    `path` is a .pt, .pth, .ckpt or .safetensors file in either case, the index (.json) of one that was saved in parts, or
    a folder with one of these. Raises `FechnerError` if it is missing, damaged, not weights, or would need to execute code.
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
    found = dict(_flat(content))
    if found:
        return found
    if isinstance(content, Mapping) and not any(isinstance(v, _Foreign) for v in content.values()):
        held = ", ".join(f"{k} ({type(v).__name__})" for k, v in list(content.items())[:12]) or "nothing"
    elif isinstance(content, Mapping | _Foreign):
        raise _unsafe(path)
    else:
        held = f"a {type(content).__name__}"
    raise FechnerError(f"'{path}' holds no state dict: expected names and tensors, and there is {held}")


def contents(path: Path) -> object:
    """What a .safetensors or PyTorch file holds; Python objects besides tensors are not made, but left out."""
    foreign: list[str] = []
    try:
        with path.open("rb") as file:
            start = file.read(9)
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
    """Takes the place of a Python object in a file, whatever it was, and does nothing."""

    def __new__(cls, *args: object, **kwargs: object) -> _Foreign:
        return object.__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class _Dictionary:
    """Takes the place of a kind of dictionary, and is a plain one."""

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
            # Files written without checksums have zeros there.
            if entry.CRC:
                try:
                    with archive.open(entry) as content:
                        while content.read(_AT_ONCE):
                            pass
                except zipfile.BadZipFile:
                    raise FechnerError(
                        f"'{path}' is damaged: the checksum of its entry '{entry.filename}' does not agree with its bytes; "
                        "copy or download it again"
                    ) from None


def _flat(content: object, at: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(content, Tensor):
        yield at, content
    elif isinstance(content, Mapping):
        for name, value in content.items():
            yield from _flat(value, f"{at}.{name}" if at else str(name))


def _only_one(folder: Path) -> Path:
    """The weights file or the index in a folder; .safetensors are taken before others."""
    files = sorted(p for p in folder.iterdir() if p.is_file())
    indices = [p for p in files if p.name.lower().endswith(".index.json")]
    whole = [p for p in files if p.suffix.lower() in _ENDINGS and not _PART.search(p.name)]
    for found in (indices, whole):
        safe = [p for p in found if ".safetensors" in p.name.lower()]
        for some in (safe, found):
            if len(some) == 1:
                return some[0]
    if not whole and not indices:
        raise FechnerError(f"folder '{folder}' holds no weights file; expected one that ends in {', '.join(_ENDINGS)}")
    listed = ", ".join(p.name for p in [*indices, *whole][:12])
    raise FechnerError(f"folder '{folder}' holds several weights files; give one of them: {listed}")


def _parts(index: Path) -> dict[str, Tensor]:
    """The tensors that an index says lie in several files."""
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        files = sorted(set(places.values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FechnerError(
            f"'{index}' is no index of weights: expected JSON with 'weight_map', names and files"
        ) from None
    found: dict[str, Tensor] = {}
    for file in files:
        if not isinstance(file, str) or Path(file).name != file:
            raise FechnerError(f"'{index}' names the file {file!r}; expected files in its own folder")
        if not (index.parent / file).is_file():
            raise FechnerError(
                f"'{index.parent / file}' is missing, one of the {len(files)} parts that '{index}' names"
            )
        found |= dict(_flat(contents(index.parent / file)))
    lacking = [name for name in places if name not in found]
    if lacking:
        raise FechnerError(f"{len(lacking)} tensors that '{index}' names are not in its parts, such as {lacking[0]}")
    return found
