"""With the schema as Serve 2.60 gives it, cut down to the keys used here, and no Ray: see the integration tests."""

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from typing import Any

import pytest

from cluster.deployment.import_paths import why_not
from cluster.deployment.shipped import shipped
from cluster.deployment.strict import problems

POLICY = {"properties": {"policy_function": {}, "policy_kwargs": {"type": "object"}}}
SCALING = {"properties": {"min_replicas": {}, "max_replicas": {}, "policy": POLICY}}
DEPLOYMENT = {
    "properties": {
        "name": {},
        "num_replicas": {},
        "user_config": {"anyOf": [{"type": "object", "additionalProperties": True}, {"type": "null"}]},
        "autoscaling_config": {"anyOf": [{"type": "object"}, {"$ref": "#/$defs/Scaling"}, {"type": "null"}]},
    }
}
APPLICATION = {
    "properties": {
        "name": {},
        "import_path": {},
        "route_prefix": {},
        "args": {"type": "object"},
        "deployments": {"items": {"$ref": "#/$defs/Deployment"}},
    }
}
SCHEMA = {
    "$defs": {"Scaling": SCALING, "Deployment": DEPLOYMENT, "Application": APPLICATION},
    "properties": {"http_options": {}, "applications": {"items": {"$ref": "#/$defs/Application"}}},
}


SNAPSHOTS = shipped(backed_up=True)["applications"][-1]


def small() -> dict[str, Any]:
    config = shipped()
    kept = {key: config[key] for key in ("http_options", "applications")}
    scaling = kept["applications"][0]["deployments"][0]["autoscaling_config"]
    kept["applications"][0]["deployments"][0]["autoscaling_config"] = {
        key: scaling[key] for key in ("min_replicas", "policy")
    }
    return kept


def told(change: Callable[[dict[str, Any]], object]) -> list[str]:
    config = small()
    change(config)
    return problems(config, SCHEMA, lambda _: [])


def user_config(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda config: config["applications"][1]["deployments"][0]["user_config"].update(changes)


def test_the_shipped_config_is_right() -> None:
    assert told(lambda _: None) == []
    assert told(lambda config: config["applications"].append(SNAPSHOTS)) == []


def test_the_application_of_snapshots_has_its_name_and_takes_nothing() -> None:
    wrong = SNAPSHOTS | {"name": "backups", "args": {"every": 10}}
    assert told(lambda config: config["applications"].append(wrong)) == [
        "applications[5].name: backups is no name of an application of cluster.backup_app:backup: backup",
        "applications[5].args.every: no such key; backup takes none",
    ]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda c: c.update(http_option={}), "http_option: no such key; did you mean http_options?"),
        (lambda c: c.update(zzz={}), "zzz: no such key"),
        (lambda c: c["applications"][0].update(arg={}), "applications[0].arg: no such key; did you mean args?"),
        (
            lambda c: c["applications"][0]["deployments"][0].update(num_replica=1),
            "applications[0].deployments[0].num_replica: no such key; did you mean num_replicas?",
        ),
        (
            lambda c: c["applications"][0]["deployments"][0]["autoscaling_config"].update(max_replica=1),
            "applications[0].deployments[0].autoscaling_config.max_replica: no such key; did you mean max_replicas?",
        ),
        (
            lambda c: c["applications"][0]["args"].update(digst="a"),
            "applications[0].args.digst: no such key; did you mean digest?",
        ),
        (
            lambda c: c["applications"][0].update(import_path="serve_apps.app:recogniser"),
            "applications[0].import_path: serve_apps.app:recogniser: serve_apps.app has no recogniser; "
            "did you mean serve_apps.app:recognizer?",
        ),
        (
            lambda c: c["applications"][2].update(name="gateway"),
            "applications[2].name: 2 applications are called gateway; give each its own name",
        ),
        (
            lambda c: c["applications"].pop(1),
            "applications: no application is called gateway, so nothing answers",
        ),
        (
            user_config(weights={"recognizer-green": 100}),
            "applications[1].deployments[0].user_config.weights.recognizer-green: no such recognizer; "
            "the config has recognizer-blue",
        ),
        (
            user_config(weights={"recognizer-blue": 0}),
            "applications[1].deployments[0].user_config.weights: no recognizer has any weight",
        ),
        (
            user_config(weights={"recognizer-blue": 100, "courier": 1}),
            "applications[1].deployments[0].user_config.weights.courier: no such recognizer; "
            "the config has recognizer-blue",
        ),
        (
            user_config(until="2026-11-24T02:00:00Z"),
            "applications[1].deployments[0].user_config: until and fallback belong together: give both or none",
        ),
        (
            user_config(epoc=1),
            "applications[1].deployments[0].user_config.epoc: no such key; did you mean epoch?",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place(change: Callable[[dict[str, Any]], object], line: str) -> None:
    assert line in told(change)


def test_a_moment_without_quotes_or_without_a_zone_is_refused() -> None:
    from datetime import UTC, datetime

    fallback = {"recognizer-blue": 1}

    assert "in quotes" in told(user_config(until=datetime.now(UTC), fallback=fallback))[0]
    assert "user_config.until" in told(user_config(until="2026-11-24T02:00:00", fallback=fallback))[0]
    assert told(user_config(until="2026-11-24T02:00:00Z", fallback=fallback)) == []


@pytest.mark.parametrize("config", [None, 3, "text", [], {}, {"applications": 3}, {"applications": [3, {"name": []}]}])
def test_what_is_no_config_at_all_is_told_too(config: object) -> None:
    assert problems(config, SCHEMA, lambda _: [])


def test_an_import_path_is_looked_up_without_importing() -> None:
    assert why_not("serve_apps.app.gateway") is None
    assert why_not("serve_apps.app:BaseModel") is None
    assert why_not("serve_apps.ap:gateway") == "there is no module serve_apps.ap"
    assert why_not("gateway") == "is no module:name"


def test_a_module_that_only_an_editable_installations_finder_knows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Editable:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            return spec_from_file_location(name, __file__) if name == "installed_elsewhere" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Editable])

    assert why_not("installed_elsewhere:SCHEMA") is None
    assert "did you mean installed_elsewhere:SCHEMA?" in str(why_not("installed_elsewhere:SCHEME"))
    assert "installed_elsewhere" not in sys.modules


AT_POLICY = "applications[0].deployments[0].autoscaling_config.policy."


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"policy_kwarg": {}}, "policy_kwarg: no such key; did you mean policy_kwargs?"),
        ({"policy_kwargs": {"utilisaton": 0.5}}, "policy_kwargs.utilisaton: no such key; did you mean utilisation?"),
        ({"policy_kwargs": {"utilisation": 2}}, "policy_kwargs.utilisation: must be above 0 and at most 1, it is 2"),
        ({"policy_kwargs": {"spare": "one"}}, "policy_kwargs.spare: must be a number, it is 'one'"),
        (
            {"policy_function": "autoscaling.serve_adapter:ForecastPolice"},
            "policy_function: autoscaling.serve_adapter:ForecastPolice: autoscaling.serve_adapter has no "
            "ForecastPolice; did you mean autoscaling.serve_adapter:ForecastPolicy?",
        ),
        ({"policy_function": "autoscaling.nothing:Policy"}, "policy_function: autoscaling.nothing:Policy: there is no"),
    ],
)
def test_a_misspelt_setting_of_the_policy_is_one_line_with_the_nearest_right_one(
    change: dict[str, Any], line: str
) -> None:
    policy = ("applications", 0, "deployments", 0, "autoscaling_config", "policy")

    def misspell(config: Any) -> None:
        for part in policy:
            config = config[part]
        config.update(change)

    (said,) = told(misspell)
    assert said.startswith(AT_POLICY + line)


def test_a_policy_of_ones_own_may_have_settings_of_its_own() -> None:
    policy = {"policy_function": "autoscaling.policy:decide", "policy_kwargs": {"anything": 1}}

    assert told(lambda c: c["applications"][0]["deployments"][0]["autoscaling_config"].update(policy=policy)) == []


def renamed(number: int, **changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda config: config["applications"][number].update(changes)


def deployment(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda config: config["applications"][0]["deployments"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            deployment(name="Recogniser"),
            "applications[0].deployments[0].name: no such deployment; the only one of recognizer is Recognizer",
        ),
        (
            deployment(user_config={"most_frame": 4}),
            "applications[0].deployments[0].user_config.most_frame: no such key; did you mean most_frames?",
        ),
        (
            renamed(1, args={"release": "x-1"}),
            "applications[1].args.release: no such key; gateway takes none",
        ),
        (
            lambda config: config["applications"].pop(2),
            "applications: no application is called courier, so nobody is told",
        ),
    ],
)
def test_a_part_of_ours_that_is_not_there_is_one_line(change: Callable[[dict[str, Any]], object], line: str) -> None:
    assert told(change) == [line]


def test_a_colour_that_is_none_is_named_with_those_that_are() -> None:
    found = told(renamed(0, name="recognizer-red"))

    assert found[0] == (
        "applications[0].name: recognizer-red is no name of an application of serve_apps.app:recognizer: "
        "recognizer-blue or recognizer-green"
    )


def test_an_application_of_somebody_else_may_be_called_as_it_likes() -> None:
    other = {"name": "weather", "import_path": "json:dumps", "args": {"any": 1}, "deployments": [{"name": "Any"}]}

    assert told(lambda config: config["applications"].append(other)) == []
