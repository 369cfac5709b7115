"""What a command line asks for, as a recipe and the files for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.cli.registered import registered
from cluster.releases.manifest import ReleaseError
from cluster.releases.manifest import changed as with_values
from cluster.releases.recipes import RECIPES, Ingredient, Recipe, recipe_of
from serve_apps.recognition.weights import DLIB_FIVE_POINTS, DLIB_RESNET, SFACE, YUNET

PACKAGED = {
    "yunet-dlib": {"detector": YUNET, "embedder": DLIB_RESNET, "landmarks": DLIB_FIVE_POINTS},
    "yunet-sface": {"detector": YUNET, "embedder": SFACE},
}
"""The installed packages' weight files for each recipe."""
MOST_CARD_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be other than in the recipe; `weights` are ROLE=FILE, with a licence and a source for each."""

    threshold: float | None
    margin: float | None
    long_side: int | None
    weights: list[str]
    licences: list[str]
    sources: list[str]
    space: str | None
    engine: str | None
    card: Path | None


@contextmanager
def base(recipe: str | None, like: str | None) -> Iterator[tuple[Recipe, dict[str, Path]]]:
    """A known recipe with the installed files, or that of a release with its own. Raises ReleaseError, WeightsError."""
    if (recipe is None) == (like is None):
        raise ReleaseError(f"say what it is made of: --recipe {' or --recipe '.join(RECIPES)}, or --from RELEASE")
    if like is not None:
        with registered(like) as release:
            yield recipe_of(release.manifest), {str(w.role): release.path(w.role) for w in release.manifest.weights}
        return
    if recipe not in RECIPES:
        raise ReleaseError(f"there is no recipe '{recipe}'; there are {', '.join(RECIPES)}")
    yield RECIPES[recipe], {role: weights.locate() for role, weights in PACKAGED[recipe].items()}


def changed(recipe: Recipe, files: dict[str, Path], wanted: Wanted) -> tuple[Recipe, dict[str, Path]]:
    """The recipe and its files, with what is wanted instead. Raises ReleaseError."""
    given = _given_weights(recipe, wanted)
    card = _card(wanted.card)
    if "embedder" in given:
        if wanted.space is None:
            raise ReleaseError(
                f"another embedder makes other embeddings: name their space with --space; '{recipe.space}' again only "
                "if they are comparable with those of before"
            )
        if not {"summary", "training_data"} <= set(card):
            raise ReleaseError("another embedder needs a --card FILE with its summary and training_data")
    new = dataclasses.replace(
        recipe,
        engine=wanted.engine or recipe.engine,
        space=wanted.space or recipe.space,
        thresholds=with_values(recipe.thresholds, {"threshold": wanted.threshold, "margin": wanted.margin}),
        settings=with_values(recipe.settings, {"long_side": wanted.long_side}),
        weights={**recipe.weights, **{role: ingredient for role, (_, ingredient) in given.items()}},
        card=with_values(recipe.card, card),
    )
    return new, files | {role: path for role, (path, _) in given.items()}


def _given_weights(recipe: Recipe, wanted: Wanted) -> dict[str, tuple[Path, Ingredient]]:
    if not len(wanted.weights) == len(wanted.licences) == len(wanted.sources):
        raise ReleaseError("each --weights ROLE=FILE needs one --licence (SPDX, as Apache-2.0) and one --source")
    given = {}
    for text, licence, source in zip(wanted.weights, wanted.licences, wanted.sources, strict=True):
        role, _, file = text.partition("=")
        if role not in recipe.weights or not file:
            raise ReleaseError(f"'{text}' is not ROLE=FILE with {', '.join(recipe.weights)} as ROLE")
        if role in given:
            raise ReleaseError(f"--weights {role}= is given twice")
        given[role] = (Path(file), Ingredient(Path(file).name, licence, source))
    return given


def _card(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        with path.open() as file:
            card = yaml.safe_load(file.read(MOST_CARD_BYTES))
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{path}: the model card cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ReleaseError(f"{path}: the model card is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(card, dict):
        raise ReleaseError(f"{path}: a model card has summary, training_data, intended_use and limits")
    return card
