"""What networks learn, and in which order."""

from __future__ import annotations

from fechner.learning.linear import Phase as Phase
from fechner.learning.linear import learn as learn
from fechner.learning.network import LinearNetwork as LinearNetwork
