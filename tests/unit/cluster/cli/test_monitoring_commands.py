from __future__ import annotations

from pathlib import Path

import yaml

from tests.in_process import in_this_process

RECEIVERS = "receivers: {own: {webhook: {url: 'http://127.0.0.1:9/'}}}\ntell: {page: [own], ticket: [own]}\n"


def test_prometheus_is_pointed_at_the_cluster_of_this_data_folder(tmp_path: Path) -> None:
    data, to = tmp_path / "data", tmp_path / "to"
    data.mkdir()
    (data / "ray_token").touch()
    done = in_this_process(data, "monitoring", "prometheus", "--to", str(to), "--box", "porch:9100")
    assert done.returncode == 0, done.stderr
    job = yaml.safe_load((to / "prometheus.yml").read_text())["scrape_configs"][0]
    (discovery,) = job["file_sd_configs"][0]["files"]
    assert discovery.endswith("/r/prom_metrics_service_discovery.json")
    assert "it comes with the cluster" in done.stdout


def test_where_no_cluster_ever_ran_it_is_pointed_at_rays_own_list(tmp_path: Path) -> None:
    in_this_process(tmp_path, "monitoring", "prometheus", "--to", str(tmp_path / "to"))
    assert "/tmp/ray/prom_metrics_service_discovery.json" in (tmp_path / "to" / "prometheus.yml").read_text()


def test_alertmanager_gets_its_config(tmp_path: Path) -> None:
    (tmp_path / "receivers.yaml").write_text(RECEIVERS)
    options = ("--to", str(tmp_path), "--receivers", str(tmp_path / "receivers.yaml"))
    done = in_this_process(tmp_path, "monitoring", "alertmanager", *options)
    assert done.stdout == f"{tmp_path}/alertmanager.yml\n"
    assert yaml.safe_load((tmp_path / "alertmanager.yml").read_text())["receivers"][0]["name"] == "page"


def test_a_file_of_receivers_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    options = ("--to", str(tmp_path), "--receivers", str(tmp_path / "none.yaml"))
    done = in_this_process(tmp_path, "monitoring", "alertmanager", *options)
    assert done.stderr == f"doorbell: {tmp_path}/none.yaml: No such file or directory\n"
    assert done.returncode == 2


def test_a_pace_at_which_a_rate_over_a_minute_would_see_nothing_is_refused(tmp_path: Path) -> None:
    done = in_this_process(tmp_path, "monitoring", "prometheus", "--to", str(tmp_path), "--every", "60")
    assert (done.returncode, "--every" in done.stderr) == (2, True)
