"""How answers of the dashboard are read; the same calls against a real Serve are in the integration tests."""

from pathlib import Path

import httpx
import pytest

from cluster.deployment.control import (
    ConfigRefused,
    DashboardUnreachable,
    Serve,
    ServeError,
    ServeNotRunning,
    TokenRefused,
)
from cluster.deployment.token import token_of


def answering(*args: object, **kwargs: object) -> Serve:
    return Serve("http://dashboard", "t0", httpx.MockTransport(lambda _: httpx.Response(*args, **kwargs)))


def application(name: str, config: dict | None) -> dict:
    return {"name": name, "status": "RUNNING", "message": "", "deployed_app_config": config, "deployments": {}}


def test_an_application_that_is_being_deleted_is_not_in_the_config() -> None:
    applications = {"a": application("a", {"name": "a"}), "b": application("b", None)}
    answer = {"proxy_location": "HeadOnly", "http_options": {"port": 1, "ssl_keyfile": None}}

    with answering(200, json=answer | {"applications": applications}) as serve:
        assert serve.config() == {
            "proxy_location": "HeadOnly",
            "http_options": {"port": 1},
            "applications": [{"name": "a"}],
        }


def test_the_token_goes_with_every_request() -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(200)

    with Serve("http://dashboard", "t0", httpx.MockTransport(answer)) as serve:
        serve.put({"applications": []})

    assert seen == ["Bearer t0"]


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (401, "Unauthorized", TokenRefused),
        (403, "Forbidden", TokenRefused),
        (400, "1 validation error\nfor it", ConfigRefused),
        (503, "the GCS\nmay be down", ServeError),
        (200, "<html>", DashboardUnreachable),
    ],
)
def test_each_refusal_is_one_line(status: int, text: str, kind: type[ServeError]) -> None:
    with answering(status, text=text) as serve, pytest.raises(kind, match=r"^[^\n]+$"):
        serve.put({})


def test_ray_without_an_application_is_told() -> None:
    answer = {"proxy_location": "HeadOnly", "http_options": {}, "applications": {}}

    with answering(200, json=answer) as serve, pytest.raises(ServeNotRunning, match="start it with doorbell up"):
        serve.config()


def test_a_data_folder_without_a_token_is_told(tmp_path: Path) -> None:
    with pytest.raises(TokenRefused, match="no cluster was ever started with this data folder"):
        token_of(tmp_path)
