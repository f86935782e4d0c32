"""Certificates for servers of the loopback, each its own authority, which nobody knows who was not told."""

from __future__ import annotations

import pathlib
import ssl
import subprocess

import pytest


def make_certificate(file: pathlib.Path) -> pathlib.Path:
    """Write a certificate for 127.0.0.1 and its key into `file` and return it: it serves as a `ca_file`, too."""
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={file.stem}", "-addext", "subjectAltName=IP:127.0.0.1"]
    argv = ["openssl", "req", *options, *names, "-keyout", "-", "-out", "-"]
    file.write_bytes(subprocess.run(argv, check=True, capture_output=True).stdout)
    return file


def context_of(certificate: pathlib.Path) -> ssl.SSLContext:
    """Return what a server needs that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The certificate of the servers of these tests, with its key."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


@pytest.fixture(scope="session")
def other_certificate(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Another one, which none of them shows."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "other.pem")
