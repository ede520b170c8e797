"""Where results may go, and how they get there whole: decided here for every command and function that writes."""

from __future__ import annotations

import errno
import itertools
import os
import platform
import stat
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

from fechner.errors import FechnerError, first_line

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked.
    fcntl = None  # type: ignore[assignment]

# What may be written into a folder of images that is read: none of these is counted as an image.
_NO_IMAGES = (".nc", ".svg", ".pdf")
_LOCK = ".fechner.lock"
_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
_DAY = 24 * 3600
_number = itertools.count()
_held: set[Path] = set()


def expanded(path: str | Path) -> Path:
    """A path that may begin with ~ or ~user, as shells leave it in --out=~/curves.nc."""
    return Path(os.path.expanduser(path))


def writable(*paths: str | Path | None, reads: Iterable[str | Path | None] = ()) -> None:
    """Raise `FechnerError` now rather than after the work, if one of the files cannot or must not be written.

    >>> writable("curves.nc", "curves.nc")
    Traceback (most recent call last):
    fechner.errors.FechnerError: 'curves.nc' is named twice as an output; choose another name for one of them

    Nothing is made. Refused are folders, devices and pipes, files that cannot be written, what is named twice, what is
    read, and what would count as an image in a folder of images that is read. Paths that are None stand for no file.
    """
    seen: list[Path] = []
    sources = [expanded(r) for r in reads if r is not None]
    for given in (expanded(p) for p in paths if p is not None):
        _writable(given)
        if any(_same(given, other) for other in seen):
            raise FechnerError(f"'{given}' is named twice as an output; choose another name for one of them")
        seen.append(given)
        for source in sources:
            if _same(given, source):
                raise FechnerError(f"'{given}' is what is read, and would be overwritten; choose another output")
            if os.path.isdir(source) and given.suffix.lower() not in _NO_IMAGES and _inside(given, source):
                raise FechnerError(f"'{given}' would lie among the images of '{source}'; choose an output outside")


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """The path to write to instead of `path`, which it replaces once it is on the disk; folders are made.

    Links are followed. What killed processes left halfway in the same folder is removed. Raises `FechnerError` if the
    file cannot be written, on a full disk for instance; what was there before is kept.
    """
    given = expanded(path)
    path = _followed(given)
    part = path.with_name(f".fechner-{_HOST}-{os.getpid()}-{next(_number)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        yield part
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as e:
        kept = "; what it held before is kept" if os.path.exists(path) else ""
        raise FechnerError(
            f"cannot write '{given}' ({e.strerror or first_line(e)}){kept}; make room or choose another output"
        ) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def held(folder: str | Path) -> Iterator[None]:
    """A folder that no other process writes meanwhile; it is made if need be.

    The system lets go of it when this process ends, however it ends. Raises `FechnerError` if another holds it.
    """
    folder = expanded(folder)
    path = Path(os.path.realpath(folder)) / _LOCK
    if path in _held:
        raise FechnerError(f"'{folder}' is being written by this process already; choose another folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _locked(path)
    except OSError as e:
        raise FechnerError(f"cannot write in '{folder}' ({e.strerror}); choose another folder") from None
    if file is None:
        with suppress(OSError):
            holder = path.read_text(encoding="utf-8").strip()
        raise FechnerError(
            f"'{folder}' is being written by {holder or 'another process'}; wait until it ends, or choose another folder"
        )
    _held.add(path)
    try:
        yield
    finally:
        _held.discard(path)
        with file, suppress(OSError):
            path.unlink(missing_ok=True)


def _locked(path: Path) -> IO[str] | None:
    """The file with the system's lock on it, which ends with the process and is not inherited; None if another has it."""
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            if fcntl is not None:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            if e.errno in (errno.EACCES, errno.EAGAIN):
                file.close()
                return None
            # Some file systems have no locks.
        with suppress(OSError):
            # Whoever had it may have removed it since it was opened.
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {platform.node()}\n")
                file.flush()
                return file
        file.close()


def _writable(path: Path) -> None:
    folder = path.parent
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if os.path.islink(_followed(path)):
            raise FechnerError(f"'{path}' is a link to itself; choose another output") from None
        mode = stat.S_IFREG
    except (ValueError, OSError) as e:
        mode = stat.S_IFREG
        if not isinstance(e, OSError) or e.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            reason = e.strerror if isinstance(e, OSError) else first_line(e)
            raise FechnerError(f"'{_short(path)}' cannot be the name of a file ({reason}); choose another") from None
    if stat.S_ISDIR(mode):
        raise FechnerError(f"'{path}' is a folder; give the name of a file to write")
    if not stat.S_ISREG(mode):
        raise FechnerError(f"'{path}' is a device, pipe or socket, not a file; choose another output")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise FechnerError(f"'{path}' is read-only; choose another output or change its permissions")
    # A link is followed, and what it names is written beside that.
    folder = _followed(path).parent
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


def _followed(path: Path) -> Path:
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def _short(path: Path) -> str:
    text = str(path).replace("\0", "\\0")
    return text if len(text) <= 80 else f"{text[:60]}…{text[-15:]}"


def _same(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


def _inside(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(folder)) in Path(os.path.realpath(path)).parents


def _sweep(folder: Path) -> None:
    """Remove what processes that are no more left halfway."""
    for left in folder.glob(".fechner-*.part"):
        with suppress(OSError, ValueError):
            host, process, _ = left.stem.removeprefix(".fechner-").split("-")
            ended = host == _HOST and not psutil.pid_exists(int(process))
            if ended or time.time() - left.stat().st_mtime > _DAY:
                left.unlink(missing_ok=True)
