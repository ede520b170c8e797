"""Training networks on images whose statistics are changed, and measuring them on the way."""

from __future__ import annotations

from fechner.training.condition import Condition as Condition
