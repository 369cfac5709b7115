from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cluster.security.api_keys import Scope
from serve_apps.api.application import described

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCUMENT = described().openapi()
CASES = [
    (path, method, mode)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    for mode in GenerationMode
    if not path.endswith("/stream")  # never ends
    if mode is GenerationMode.POSITIVE or "parameters" in operation or "requestBody" in operation
]
BOUNDED = settings(
    max_examples=12,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize(("path", "method", "mode"), CASES)
def test_every_operation_answers_as_it_is_documented(door: Any, path: str, method: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.app = door.app
    operation = schema[path][method]
    key = door.key(Scope.ADMIN)

    @BOUNDED
    @given(operation.as_strategy(generation_mode=mode))
    def answers_as_documented(case: schemathesis.Case) -> None:
        case.headers["X-API-Key"] = key
        case.call_and_validate(checks=CHECKS)

    answers_as_documented()


def test_every_operation_says_which_key_it_needs() -> None:
    paths = DOCUMENT["paths"].items()

    without = {
        (method, path)
        for path, operations in paths
        for method, operation in operations.items()
        if "security" not in operation
    }

    assert without == {("get", "/api/health"), ("get", "/api/ready"), ("post", "/api/v1/devices")}


def test_every_error_is_documented_as_a_problem() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for operation in operations.values():
            errors = [answer for status, answer in operation["responses"].items() if status >= "400"]
            assert all(list(answer["content"]) == ["application/problem+json"] for answer in errors), path
