"""Recipes: which is taken, and what the learning rate does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fechner import FechnerError
from fechner.training import recipe_for


def rates(recipe: object, steps: int) -> list[float]:
    made = recipe.optimizers(nn.Linear(2, 2), steps)  # type: ignore[attr-defined]
    rule, schedule, found = made["optimizer"], made["lr_scheduler"]["scheduler"], []
    for _ in range(recipe.epochs * steps):  # type: ignore[attr-defined]
        found.append(rule.param_groups[0]["lr"])
        rule.step()
        schedule.step()
    return found


def test_large_images_take_the_published_recipe() -> None:
    published = recipe_for(nn.Linear(2, 2), 224)
    assert (published.epochs, published.batch, published.learning_rate, published.weight_decay) == (90, 256, 0.1, 1e-4)
    found = rates(published, 2)
    assert found[:60] == [0.1] * 60
    assert found[60] == pytest.approx(0.01)
    assert found[-1] == pytest.approx(0.001)
    rule = published.optimizers(nn.Linear(2, 2), 2)["optimizer"]
    assert isinstance(rule, torch.optim.SGD)
    assert rule.defaults["momentum"] == 0.9
    rule = recipe_for(nn.Linear(2, 2), 224, momentum=0.5).optimizers(nn.Linear(2, 2), 2)["optimizer"]
    assert rule.defaults["momentum"] == 0.5


def test_small_images_take_one_cycle() -> None:
    found = rates(recipe_for(nn.Linear(2, 2), 32, epochs=5), 10)
    assert max(found) == pytest.approx(0.2)
    assert found.index(max(found)) == 9
    assert found[-1] < 1e-3


@pytest.mark.parametrize("steps", range(2, 8))
def test_the_shortest_trainings_learn(steps: int) -> None:
    found = rates(recipe_for(nn.Linear(2, 2), 32, epochs=1), steps)
    assert 0.1 < max(found) <= 0.2
    assert found == rates(recipe_for(nn.Linear(2, 2), 32, epochs=steps), 1)


def test_attention_takes_adamw_and_norms_do_not_decay() -> None:
    network = nn.TransformerEncoderLayer(8, 2)
    rule = recipe_for(network, 32).optimizers(network, 3)["optimizer"]
    assert isinstance(rule, torch.optim.AdamW)
    assert [g["weight_decay"] for g in rule.param_groups] == [0.05, 0.0]
    assert all(p.dim() > 1 for p in rule.param_groups[0]["params"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number from 1 to 1000000, got 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number greater than 0, got nan"),
        ({"learning_rate": 0.0}, "learning_rate must be a number greater than 0"),
        ({"weight_decay": -1.0}, "weight_decay must be a number of at least 0, got -1.0"),
        ({"label_smoothing": 1.0}, "label_smoothing must be less than 1"),
        ({"momentum": 1.0}, "momentum must be less than 1"),
        ({"momentum": 0.5, "optimizer": "adamw"}, "momentum does nothing with optimizer adamw"),
    ],
)
def test_bad_settings(changed: dict[str, float], message: str) -> None:
    with pytest.raises(FechnerError, match=message):
        recipe_for(nn.Linear(2, 2), 32, **changed)
