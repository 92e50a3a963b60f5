"""A hospital's own certificate authority, and a TLS front for a plain server, as a proxy has it."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = "127.0.0.1"


@contextmanager
def behind_tls(endpoint: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """A front for a server on this machine, which ends with the block.

    Args:
        endpoint: http://127.0.0.1:PORT of the server.
        folder: for the certificates.

    Yields:
        https://127.0.0.1:PORT, and the file with the authority's certificate, which nobody trusts
        who is not told to.
    """
    authority, chain = _write_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    port = int(endpoint.rpartition(":")[2])
    with socket.create_server((LOOPBACK, 0)) as listener:
        # a process of its own: deltalake lets no other thread of this one run while it waits
        front = get_context("fork").Process(target=_serve, args=(listener, context, port))
        front.start()
        try:
            yield f"https://{LOOPBACK}:{listener.getsockname()[1]}", authority
        finally:
            front.kill()
            front.join()


def _serve(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_forward, args=(client, context, port), daemon=True).start()


def _forward(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):  # a client that does not trust us hangs up; so does one that is done
        server = socket.create_connection((LOOPBACK, port))
        with context.wrap_socket(client, server_side=True) as outer, server as inner:
            back = threading.Thread(target=_pump, args=(inner, outer), daemon=True)
            back.start()
            _pump(outer, inner)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for side in (source, sink):
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


def _write_certificates(folder: Path) -> tuple[Path, Path]:
    """The authority's certificate; and key and certificate of the server, signed by it."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, name = _name("A hospital's CA"), _name("store")
    root = _certificate(root_name, root_name, root_key, root_key, is_authority=True)
    leaf = _certificate(name, root_name, key, root_key, is_authority=False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority, chain = folder / "authority.pem", folder / "server.pem"
    authority.write_bytes(root.public_bytes(pem))
    chain.write_bytes(private + leaf.public_bytes(pem))
    return authority, chain


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signed_by: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.IPv4Address(LOOPBACK))
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(signed_by, hashes.SHA256())
    )
