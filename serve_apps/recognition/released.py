"""The engine and the rules that a release says."""

from __future__ import annotations

from pathlib import Path

from cluster.releases.folder import Release
from cluster.releases.manifest import ROLES, ReleaseError
from serve_apps.recognition.detect import DetectorLimits
from serve_apps.recognition.engine import DlibModel, Engine, SfaceModel, YunetDlib, YunetSface
from serve_apps.recognition.match import MatchRules
from serve_apps.recognition.sessions import Provider
from serve_apps.recognition.weights import CannotRun, WeightsAt, WeightsError


def engine_of(release: Release, cache_folder: Path, provider: Provider) -> Engine:
    """The engine of the release's own weights; graphs built from them are kept in `cache_folder` by their digest.

    Raises ReleaseError for weights of another shape, CannotRun where this machine cannot run them.
    """
    manifest = release.manifest
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
        raise ReleaseError(f"release {manifest.name}: {error}") from error


def rules_of(release: Release) -> MatchRules:
    """The thresholds of the release."""
    thresholds = release.manifest.thresholds
    return MatchRules(thresholds.threshold, thresholds.margin)
