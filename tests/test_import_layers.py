"""A layer imports only lower ones."""

import ast
from pathlib import Path

import fechner

SOURCE = Path(fechner.__file__).parent
LAYER = {
    "errors": -1, "progress": -1, "circular": 0, "interval": 0, "processes": 0, "results": 0, "stimuli": 1, "networks": 1, "statistics": 1, "human": 1, "sensitivity": 2, "comparison": 3, "difference": 3, "learning": 3, "training": 3, "figures": 4, "report": 5, "cli": 6, "__main__": 7,
}  # fmt: skip


def test_imports_point_downwards() -> None:
    seen = 0
    for path in SOURCE.rglob("*.py"):
        own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("fechner"):
                continue
            parts = (node.module or "").split(".")
            targets = [parts[1]] if len(parts) > 1 else [a.name for a in node.names]
            for target in targets:
                seen += 1
                assert target == own or LAYER[target] < LAYER[own], f"{path.relative_to(SOURCE)} imports {target}"
    assert seen > 30


def test_every_module_has_a_layer() -> None:
    names = {p.name.removesuffix(".py") for p in SOURCE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert names - {"__init__"} == set(LAYER)
