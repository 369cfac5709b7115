"""The OpenAPI document against the application as it is served: through HAProxy, Serve and the recognizers."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis import GenerationMode

from tests.contract.test_openapi import BOUNDED, CASES, CHECKS


@pytest.mark.parametrize(("path", "method", "mode"), CASES)
def test_every_operation_is_served_as_it_is_documented(
    household: Any, path: str, method: str, mode: GenerationMode
) -> None:
    operation = schemathesis.openapi.from_url(f"{household.url}/openapi.json")[path][method]

    @settings(BOUNDED, max_examples=6)
    @given(operation.as_strategy(generation_mode=mode))
    def answers_as_documented(case: schemathesis.Case) -> None:
        case.headers["X-API-Key"] = household.key
        case.call_and_validate(checks=CHECKS)

    answers_as_documented()
