from __future__ import annotations

import importlib
import inspect
import pickle
import pkgutil

import pytest

import cluster.security
import serve_apps
from serve_apps.api.problems import Problem
from serve_apps.gallery.enroll import PhotoRefused, Reason


def our_exceptions() -> list[type[Exception]]:
    """Every exception class of the two packages; modules that need Ray have none of their own."""
    found = {}
    for package in (serve_apps, cluster.security):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" in module.name or module.name.endswith(("deployments", ".app")):
                continue
            for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if issubclass(kind, Exception) and kind.__module__.startswith(package.__name__):
                    found[kind.__qualname__] = kind
    return sorted(found.values(), key=lambda kind: kind.__qualname__)


ARGUMENTS = {
    PhotoRefused: (Reason.TOO_SMALL, "the face is 3 pixels wide"),
    Problem: (422, "truncated-image", "the image ends too early", {"code": 28}),
}


@pytest.mark.parametrize("kind", our_exceptions(), ids=lambda kind: kind.__name__)
def test_an_error_survives_the_way_between_processes(kind: type[Exception]) -> None:
    error = kind(*ARGUMENTS.get(kind, ("what went wrong",)))

    arrived = pickle.loads(pickle.dumps(error))

    assert type(arrived) is kind
    assert (str(arrived), vars(arrived)) == (str(error), vars(error))


def test_every_error_with_arguments_of_its_own_is_tried() -> None:
    own = {kind for kind in our_exceptions() if "__init__" in vars(kind)}

    assert own == ARGUMENTS.keys()
