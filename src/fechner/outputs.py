"""Where results may go, and how they get there whole: decided here for every command and function that writes.

`writable` comes before the work and makes nothing; `whole` writes one file, which appears whole or not at all; `held` keeps
other processes out of a folder of many files. Nothing that a user owns is ever replaced except a file that was named as an
output. tests/test_outputs.py tries every command on files that must survive.
"""

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

# Files with these endings may be written into a folder of images that is read, since none of them counts as an image.
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

    Refused are folders, devices and pipes, files without permission to write, a file that is named twice or is also among
    `reads`, and a file that would count as an image in a folder of images among `reads`. Paths that are None are passed
    over. No file or folder is made.
    """
    accepted: list[Path] = []
    sources = [expanded(r) for r in reads if r is not None]
    for path in (expanded(p) for p in paths if p is not None):
        _writable(path)
        if any(_same(path, output) for output in accepted):
            raise FechnerError(f"'{path}' is named twice as an output; choose another name for one of them")
        accepted.append(path)
        for source in sources:
            if _same(path, source):
                raise FechnerError(f"'{path}' is what is read, and would be overwritten; choose another output")
            if os.path.isdir(source) and path.suffix.lower() not in _NO_IMAGES and _inside(path, source):
                raise FechnerError(f"'{path}' would lie among the images of '{source}'; choose an output outside")


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A temporary path to write to, which replaces `path` once it is on the disk; missing folders are made.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole(f"{folder}/new/claims.json") as part:
    ...         written = part.write_text("[]")
    ...     os.listdir(f"{folder}/new")
    ['claims.json']

    Links are followed. Temporary files that killed processes left in the same folder are removed. Raises `FechnerError` if
    the file cannot be written, on a full disk for instance; the file of this name is then still there.
    """
    named = expanded(path)
    path = _followed(named)
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
            f"cannot write '{named}' ({e.strerror or first_line(e)}){kept}; make room or choose another output"
        ) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def held(folder: str | Path) -> Iterator[None]:
    """Lock a folder against other processes that would write it; a missing folder is made.

    The operating system releases the lock when this process ends, however it ends. Raises `FechnerError` if another process
    has it.
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
    """The open file with the operating system's lock on it; None if another process has the lock.

    The lock ends with the process, and processes that it starts do not inherit it.
    """
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            if fcntl is not None:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            if e.errno in (errno.EACCES, errno.EAGAIN):
                file.close()
                return None
            # Some file systems have no locks; there, every process gets the folder.
        with suppress(OSError):
            # Its last holder may have removed the file since it was opened; a lock on a removed file keeps nobody out.
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {platform.node()}\n")
                file.flush()
                return file
        file.close()


def _writable(path: Path) -> None:
    """Raise `FechnerError` if this one file cannot be written."""
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
    # The temporary file of `whole` lies in the folder of what a link names, and not of the link.
    folder = _followed(path).parent
    # Permissions do not say whether every disk can be written, so a file is made there: one without a name, since another
    # process might list the folder.
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
    """The file that a link names; the path itself if it is no link."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def _short(path: Path) -> str:
    text = str(path).replace("\0", "\\0")
    return text if len(text) <= 80 else f"{text[:60]}…{text[-15:]}"


def _same(a: Path, b: Path) -> bool:
    """Whether two paths name one file, which need not exist."""
    with suppress(OSError):
        return os.path.samefile(a, b)
    return os.path.realpath(a) == os.path.realpath(b)


def _inside(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(folder)) in Path(os.path.realpath(path)).parents


def _sweep(folder: Path) -> None:
    """Remove the temporary files of processes that were killed while they wrote.

    Nothing is known of processes on other machines that share the folder; their files are removed after a day.
    """
    for part in folder.glob(".fechner-*.part"):
        with suppress(OSError, ValueError):
            host, process, _ = part.stem.removeprefix(".fechner-").split("-")
            ended = host == _HOST and not psutil.pid_exists(int(process))
            if ended or time.time() - part.stat().st_mtime > _DAY:
                part.unlink(missing_ok=True)
