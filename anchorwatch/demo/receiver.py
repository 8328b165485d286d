"""A local stand-in for Slack (HTTP) and PagerDuty (HTTPS): prints what it gets and answers as they do."""

import datetime
import ipaddress
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

Received = Callable[[str, dict[str, Any]], None]


def receiver_app(received: Received, status_page: Callable[[], dict[str, Any]] | None = None) -> Starlette:
    """Return the server; `received` is called with the channel and the body of every alert.

    Args:
        status_page: What a model provider's status page says, if there is to be one.
    """

    async def slack(request: Request) -> Response:
        received("slack", await request.json())
        return PlainTextResponse("ok")

    async def pagerduty(request: Request) -> Response:
        body = await request.json()
        received("pagerduty", body)
        answer = {"status": "success", "message": "Event processed", "dedup_key": body.get("dedup_key")}
        return JSONResponse(answer, status_code=202)

    async def incidents(request: Request) -> Response:
        return JSONResponse(status_page() if status_page else {"incidents": []})

    routes = [
        Route("/api/v2/incidents.json", incidents),
        Route("/services/{token:path}", slack, methods=["POST"]),
        Route("/v2/enqueue", pagerduty, methods=["POST"]),
    ]
    return Starlette(routes=routes)


class ServerThread:
    """A uvicorn server in a thread of its own, on 127.0.0.1."""

    def __init__(self, app: Any, port: int, certificate: Path | None = None) -> None:
        tls = {"ssl_certfile": str(certificate), "ssl_keyfile": str(certificate)} if certificate else {}
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=1, **tls)  # type: ignore[arg-type]
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> "ServerThread":
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(0.02)
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)


def self_signed_certificate(path: Path) -> Path:
    """Write a key and a certificate for 127.0.0.1 that is its own authority; return the path."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "anchorwatch demo receiver")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
