from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.deployment.haproxy import Address, Balancer, BalancerError, config

MADE = Balancer(
    Address("10.0.0.5", 8000), Address("10.0.0.6", 8000), 10, Address("127.0.0.1", 8000), Path("/run/haproxy/d.sock")
)


@pytest.mark.parametrize("text", ["10.0.0.5:8000", "[::1]:9", "cluster-a.example.org:65535", "localhost:1"])
def test_an_address_is_written_as_it_was_read(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["10.0.0.5", ":8000", "h:0", "h:65536", "h:x", "a b:1", "h\n:1", "::1:9", "h:1\nuser root"]
)
def test_what_is_no_address_is_told(text: str) -> None:
    with pytest.raises(BalancerError, match="no HOST:PORT"):
        Address.parse(text)


def test_loopback_is_known_from_other_addresses() -> None:
    assert [Address(host, 1).loopback for host in ("127.0.0.1", "::1", "localhost")] == [True] * 3
    assert [Address(host, 1).loopback for host in ("10.0.0.1", "0.0.0.0", "h")] == [False] * 3


def test_the_new_cluster_has_its_weight_and_the_old_one_the_rest() -> None:
    lines = config(MADE).splitlines()

    assert "    server old 10.0.0.5:8000 weight 90 check inter 1s fall 2 rise 2" in lines
    assert "    server new 10.0.0.6:8000 weight 10 check inter 1s fall 2 rise 2" in lines
    assert "    option httpchk GET /api/ready" in lines


def test_with_tls_passed_through_nothing_looks_into_requests() -> None:
    text = config(replace(MADE, passthrough="doorbell.example.org"))

    assert "mode tcp" in text
    assert "verify required verifyhost doorbell.example.org" in text
    assert "retry-on" not in text
    assert "forwardfor" not in text


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"weight": 101}, "0 to 100"),
        ({"certificate": Path("/c.pem"), "passthrough": "h"}, "not both"),
        ({"passthrough": "h crt /etc/shadow"}, "no name of a host"),
        ({"new": MADE.old}, "both clusters"),
        ({"socket": Path("s.sock")}, "an absolute path"),
        ({"socket": Path("/a b")}, "without spaces"),
        ({"socket": Path("/" + "a" * 90)}, "at most 90 bytes"),
    ],
)
def test_what_cannot_be_is_told(change: dict[str, Any], line: str) -> None:
    with pytest.raises(BalancerError, match=line):
        replace(MADE, **change)
