"""A checkpoint that does not fit on the disk leaves the last one readable."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from fechner import FechnerError
from fechner.training.saving import WholeCheckpoints


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Writing beyond so many bytes fails, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_the_last_good_checkpoint_survives_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"state_dict": {"w": torch.ones(10)}}, path)
    with (
        files_of_at_most(20_000),
        pytest.raises(FechnerError, match=r"last.ckpt' \(File too large\); what it held before is kept"),
    ):
        WholeCheckpoints().save_checkpoint({"state_dict": {"w": torch.zeros(100_000)}}, path)
    assert torch.equal(torch.load(path, weights_only=True)["state_dict"]["w"], torch.ones(10))
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]
