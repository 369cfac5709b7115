from __future__ import annotations

from cluster.deployment.replicas import places

REPLICA = {"CPU": 0.8}


def test_a_replica_needs_all_of_its_cpus_on_one_node() -> None:
    assert places({"a": {"CPU": 0.5}, "b": {"CPU": 0.5}}, REPLICA) == 0
    assert places({"a": {"CPU": 1.7}, "b": {"CPU": 0.9}}, REPLICA) == 3


def test_sums_of_fractions_that_are_a_hair_short_are_room() -> None:
    assert places({"a": {"CPU": 2.4 - 1e-9}}, REPLICA) == 3


def test_the_scarcest_of_a_nodes_resources_decides() -> None:
    node = {"CPU": 8.0, "GPU": 1.0, "memory": 4e9}

    assert places({"a": node}, {"CPU": 1.0, "GPU": 0.5, "memory": 1e9}) == 2
    assert places({"a": node}, {"CPU": 1.0, "memory": 3e9}) == 1


def test_a_node_without_a_gpu_has_no_place_for_a_replica_that_needs_one() -> None:
    assert places({"a": {"CPU": 8.0}}, {"CPU": 1.0, "GPU": 1.0}) == 0
