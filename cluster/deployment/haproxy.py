"""HAProxy's config for two whole clusters behind one address, so that one takes over from the other by weight."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

BACKEND = "doorbell"
READY = "/api/ready"
"""Asks a cluster's database and recognizers, and needs no key."""

AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
MOST_WEIGHT = 100
MOST_SOCKET_PATH = 90
"""Bytes; a Unix socket's path has at most 108, and HAProxy binds it under a longer name first."""

BUFFER = 262_144
"""Bytes of a request that HAProxy keeps, so that it can send it a second time: a doorbell's frame has about 60 kB."""

TIMEOUTS = """\
    timeout connect 2s
    timeout http-request 15s
    timeout http-keep-alive 30s
    timeout queue 5s
    timeout client 60s
    timeout server 60s
"""
"""Above the longest that a cluster is silent: 25 s, for a slow body and three tries at recognizers."""

RETRIES = f"""\
    # A frame comes with an Idempotency-Key: sent again, to the other cluster too, it makes no second event. Anything
    # else that changes something is sent again only where no connection was made. What is to be sent again must have
    # come in whole before it is sent at first.
    option http-buffer-request
    retries 2
    option redispatch 1
    retry-on conn-failure empty-response 500 503
    acl reads method GET HEAD
    acl frame path /api/v1/frames
    acl keyed req.hdr(Idempotency-Key) -m found
    http-request disable-l7-retry unless reads or frame keyed
    option httpchk GET {READY}
    http-check expect status 200
"""


class BalancerError(Exception):
    """What was asked of a balancer cannot be; the text says what can."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """`HOST:PORT`, `[::1]:PORT`. Raises BalancerError."""
        host, _, port = text.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535 or not _is_host(host):
            raise BalancerError(f"{text} is no HOST:PORT, as in 10.0.0.5:8000")
        return cls(bare, int(port))

    @property
    def loopback(self) -> bool:
        """Only this machine reaches it."""
        return self.host == "localhost" or (_is_ip(self.host) and ipaddress.ip_address(self.host).is_loopback)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Balancer:
    """`weight` is the new cluster's share in percent.

    With `certificate` (a PEM with its key) TLS ends here. With `passthrough`, the name in the clusters' certificate, it
    ends at the clusters: connections are shared out, not requests, and nothing is sent a second time; `authorities` are
    those that may have signed it.
    Raises BalancerError.
    """

    old: Address
    new: Address
    weight: int
    bind: Address
    socket: Path
    certificate: Path | None = None
    passthrough: str | None = None
    authorities: Path = AUTHORITIES

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= MOST_WEIGHT:
            raise BalancerError(f"the weight is the new cluster's share in percent, 0 to {MOST_WEIGHT}")
        if self.certificate and self.passthrough:
            raise BalancerError("TLS ends here or at the clusters: give a certificate or the passthrough, not both")
        if self.passthrough and not _is_host(self.passthrough):
            raise BalancerError(f"{self.passthrough} is no name of a host")
        if self.old == self.new:
            raise BalancerError(f"both clusters are said to be at {self.old}")
        for path in filter(None, (self.socket, self.certificate, self.authorities)):
            if not path.is_absolute() or not re.fullmatch(r"[\w./@%+:-]+", str(path)):
                raise BalancerError(f"{path}: give an absolute path without spaces or quotes")
        if len(str(self.socket).encode()) > MOST_SOCKET_PATH:
            raise BalancerError(f"{self.socket}: a socket's path has at most {MOST_SOCKET_PATH} bytes")


def config(balancer: Balancer) -> str:
    """What HAProxy 2.4 and later takes as its file."""
    mode = "tcp" if balancer.passthrough else "http"
    return "\n".join(
        [
            f"# Two clusters behind one address: {balancer.weight} % at the new one.",
            _process(balancer.socket),
            f"defaults\n    mode {mode}\n    log global\n    option {mode}log\n    option dontlognull\n{TIMEOUTS}",
            _frontend(balancer),
            f"backend {BACKEND}\n    balance roundrobin\n{_passed_on(balancer)}",
        ]
    )


def _process(socket: Path) -> str:
    return (
        "global\n    log stderr format raw local0 notice\n    maxconn 1000\n"
        f"    tune.bufsize {BUFFER}\n"
        f"    stats socket {socket} mode 600 level admin\n    stats timeout 30s\n"
        "    hard-stop-after 60s\n    ssl-default-bind-options ssl-min-ver TLSv1.2\n"
    )


def _frontend(balancer: Balancer) -> str:
    tls = f" ssl crt {balancer.certificate} alpn h2,http/1.1" if balancer.certificate else ""
    lines = [f"    bind {balancer.bind}{tls}"]
    if not balancer.passthrough:
        lines += ["    option forwardfor", "    http-request del-header x-request-timeout-seconds"]
    return "\n".join(["frontend public", *lines, f"    default_backend {BACKEND}", ""])


def _passed_on(balancer: Balancer) -> str:
    rules, check = RETRIES, "check inter 1s fall 2 rise 2"
    if name := balancer.passthrough:
        rules = (
            "    retries 2\n    option redispatch 1\n"
            f"    option httpchk\n    http-check send meth GET uri {READY} ver HTTP/1.1 hdr Host {name}\n"
            "    http-check expect status 200\n"
        )
        check += f" check-ssl check-sni {name} verify required verifyhost {name} ca-file {balancer.authorities}"
    weights = {"old": MOST_WEIGHT - balancer.weight, "new": balancer.weight}
    servers = {"old": balancer.old, "new": balancer.new}
    return rules + "".join(
        f"    server {name} {address} weight {weights[name]} {check}\n" for name, address in servers.items()
    )


def _is_host(text: str) -> bool:
    if text.startswith("[") and text.endswith("]"):
        return _is_ip(text[1:-1])
    return bool(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", text))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
