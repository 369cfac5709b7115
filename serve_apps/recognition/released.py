"""The engine and the rules that a release says."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from cluster.releases.folder import Release
from cluster.releases.manifest import ROLES, ReleaseError
from serve_apps.recognition.detect import DetectorLimits
from serve_apps.recognition.engine import DlibModel, Engine, SfaceModel, YunetDlib, YunetSface
from serve_apps.recognition.match import MatchRules
from serve_apps.recognition.sessions import Provider
from serve_apps.recognition.weights import CannotRun, WeightsAt, WeightsError

NONE: frozenset[str] = frozenset()


def engine_of(release: Release, cache_folder: Path, provider: Provider, allowed: frozenset[str] = NONE) -> Engine:
    """The engine of the release's own weights; graphs built from them are kept in `cache_folder` by their digest.

    `allowed`: import paths of engines that are not packaged here; each is called as this function is, without them.
    Raises ReleaseError for weights of another shape, CannotRun where this machine cannot run them.
    """
    manifest = release.manifest
    if manifest.engine not in ROLES:
        engine: Engine = _imported(manifest.name, manifest.engine, allowed)(release, cache_folder, provider)
        return engine
    weights = {each.role: WeightsAt(release.path(each.role), each.sha256) for each in manifest.weights}
    lacking = [role for role in ROLES[manifest.engine] if role not in weights]
    if lacking:
        raise ReleaseError(f"release {manifest.name}: no weights for {' and '.join(lacking)}")
    limits = DetectorLimits(**manifest.settings.model_dump())
    try:
        if manifest.engine == "yunet-sface":
            sface = SfaceModel(manifest.space, weights["detector"], weights["embedder"])
            return YunetSface(cache_folder, limits, provider, sface)
        dlib = DlibModel(manifest.space, weights["detector"], weights["embedder"], weights["landmarks"])
        return YunetDlib(cache_folder, limits, provider, dlib)
    except CannotRun:
        raise
    except WeightsError as error:
        raise ReleaseError(f"release {manifest.name}: {error}; pack a release with weights that fit") from error


def _imported(name: str, engine: str, allowed: frozenset[str]) -> Any:
    if engine not in allowed:
        raise ReleaseError(
            f"release {name}: its engine {engine} is none that this cluster runs; where its code is trusted, "
            f"set DOORBELL_RELEASE_ENGINES={','.join(sorted({*allowed, engine}))}"
        )
    module, _, attribute = engine.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ReleaseError(f"release {name}: its engine {engine} cannot be imported: {error}") from error


def rules_of(release: Release) -> MatchRules:
    """The thresholds of the release."""
    thresholds = release.manifest.thresholds
    return MatchRules(thresholds.threshold, thresholds.margin)
