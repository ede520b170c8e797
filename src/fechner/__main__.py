"""`python -m fechner` is `fechner`; torchrun starts it so."""

from __future__ import annotations

from fechner.cli import main

if __name__ == "__main__":
    main()
