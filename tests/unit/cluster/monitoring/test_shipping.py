"""The shippers' configs, as far as they can be checked without the shippers: their keys, and the fields they name."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

import cluster.monitoring
from cluster.monitoring.journey import begun
from cluster.monitoring.log_lines import JsonLines
from cluster.monitoring.logs import FOLDER

CONFIGS = Path(cluster.monitoring.__file__).parent / "shipping"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Service(Strict):
    flush: int
    log_level: Literal["error", "warn", "info", "debug"]


class Parser(Strict):
    name: str
    format: Literal["json"]
    time_key: str
    time_format: str
    time_keep: bool


class Tail(Strict):
    """https://docs.fluentbit.io/manual/pipeline/inputs/tail"""

    name: Literal["tail"]
    tag: str
    path: str
    parser: str
    db: str
    rotate_wait: int
    mem_buf_limit: str


class Loki(Strict):
    """https://docs.fluentbit.io/manual/pipeline/outputs/loki"""

    name: Literal["loki"]
    match: str
    host: str
    port: int
    tls: Literal["on", "off"]
    labels: str
    structured_metadata: str
    line_format: Literal["json", "key_value"]


class Pipeline(Strict):
    inputs: list[Tail]
    outputs: list[Loki]


class FluentBit(Strict):
    service: Service
    parsers: list[Parser]
    pipeline: Pipeline


class Filestream(Strict):
    """https://www.elastic.co/guide/en/beats/filebeat/current/filebeat-input-filestream.html"""

    type: Literal["filestream"]
    id: str
    paths: list[str]
    native: None = Field(alias="file_identity.native")
    fingerprint: bool = Field(alias="prospector.scanner.fingerprint.enabled")
    renamed: bool = Field(alias="close.on_state_change.renamed")
    parsers: list[dict[Literal["ndjson"], dict[Literal["target", "add_error_key"], str | bool]]]


class Filebeat(Strict):
    inputs: list[Filestream] = Field(alias="filebeat.inputs")
    processors: list[dict[Literal["timestamp", "rename"], dict[str, Any]]]
    output: dict[Literal["hosts", "api_key", "index"], Any] = Field(alias="output.elasticsearch")
    ilm: bool = Field(alias="setup.ilm.enabled")
    name: str = Field(alias="setup.template.name")
    pattern: str = Field(alias="setup.template.pattern")


def config(name: str) -> dict[str, Any]:
    return yaml.safe_load((CONFIGS / name).read_text())


def a_line() -> dict[str, Any]:
    with begun() as journey:
        journey.frame_id, journey.camera_id, journey.release = "f", "porch", "usual"
        told = (ValueError, ValueError("x"), None)
        record = logging.LogRecord("serve_apps", 20, "", 0, "a.b", (), told)
        return json.loads(JsonLines(lambda: {"application": "gateway", "request_id": "r"}).format(record))


def test_fluent_bit_for_loki_has_only_keys_that_it_knows_and_fields_that_are_written() -> None:
    read = FluentBit.model_validate(config("fluent-bit.yaml"))
    (tail,), (loki,) = read.pipeline.inputs, read.pipeline.outputs

    assert tail.path == f"${{DOORBELL_LOGS}}/{FOLDER}/*.jsonl"
    assert tail.parser == read.parsers[0].name
    assert set(re.findall(r"\$(\w+)", f"{loki.labels} {loki.structured_metadata}")) <= a_line().keys()
    # A label with a value of its own on every line would be a stream for each.
    assert not {"trace_id", "frame_id", "request_id", "camera"} & set(re.findall(r"\$(\w+)", loki.labels))


def test_filebeat_for_elasticsearch_has_only_keys_that_it_knows_and_fields_that_are_written() -> None:
    read = Filebeat.model_validate(config("filebeat.yml"))
    by_name = {name: told for each in read.processors for name, told in each.items()}

    assert all(path.startswith(f"${{DOORBELL_LOGS}}/{FOLDER}/") for path in read.inputs[0].paths)
    asked = {field["from"].removeprefix("doorbell.") for field in by_name["rename"]["fields"]}
    assert asked <= a_line().keys()
    assert by_name["timestamp"]["field"] == "doorbell.time"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", a_line()["time"])
