from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from edge.errors import SettingsInvalid
from edge.upload.tls import tls_context, trusting_nobody


@pytest.fixture
def files(tmp_path: Path) -> Path:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name in ("box", "other"):
        issued = authority.issue_cert(f"{name}.example")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    (tmp_path / "text.pem").write_text("no certificate")
    (tmp_path / "locked.key").write_text(_LOCKED)
    return tmp_path


_LOCKED = """-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,3E4B0A6B0C0E0C8A8A7B1B1D7E1F2A3C

AAAA
-----END EC PRIVATE KEY-----
"""


def test_the_own_authority_is_the_only_one_trusted(files: Path) -> None:
    (trusted,) = tls_context(files / "ca.pem").get_ca_certs()

    assert ("organizationName", "trustme v" + trustme.__version__) in [pair for (pair,) in trusted["subject"]]


def test_certificate_and_key_may_be_one_file_or_two(files: Path) -> None:
    tls_context(files / "ca.pem", files / "box.pem", files / "box.key")
    tls_context(files / "ca.pem", files / "both.pem")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("missing.pem",), "ca_file: cannot read"),
        (("text.pem",), "holds no certificate"),
        (("ca.pem", "missing.pem", "box.key"), "certificate_file: cannot read"),
        (("ca.pem", "box.pem", "missing.key"), "certificate_key_file: cannot read"),
        (("ca.pem", "box.pem", "other.key"), "do not belong together"),
        (("ca.pem", "text.pem", "box.key"), "text.pem"),
        (("ca.pem", "box.pem"), "box.pem"),
        (("ca.pem", "box.pem", "locked.key"), "locked.key"),
    ],
)
def test_files_that_do_not_fit_are_said_in_one_line(files: Path, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(SettingsInvalid) as raised:
        tls_context(*(files / name for name in names))

    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_without_tls_no_certificate_is_trusted() -> None:
    context = trusting_nobody()

    assert context.get_ca_certs() == []
    assert context.verify_mode == ssl.CERT_REQUIRED
