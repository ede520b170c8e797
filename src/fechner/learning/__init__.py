"""What networks learn, and in which order."""

from __future__ import annotations

from fechner.learning.linear import LinearNetwork as LinearNetwork
from fechner.learning.linear import Phase as Phase
from fechner.learning.linear import learn as learn
