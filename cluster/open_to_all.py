"""Whether a Ray cluster asks nobody for a token, and so lets everybody run code who reaches it."""

from __future__ import annotations

from typing import Final

import grpc  # Ray's own protocol

QUESTION: Final = "/ray.rpc.NodeInfoGcsService/CheckAlive"
"""To the head's GCS of Ray 2.60: who lives? Cheap, and answered to those alone who may ask."""

WITHIN_S: Final = 10.0


def is_open(gcs_address: str) -> bool:
    """Asks without a token.

    Ray does not say how a cluster was started. A client with a token is let into an open one, too.

    Args:
        gcs_address: host:port of a head that has just answered.

    Returns:
        False if it wants a token, or TLS, which asks clients for a certificate.
    """
    with grpc.insecure_channel(gcs_address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary(QUESTION)(b"", timeout=WITHIN_S)
        except grpc.RpcError:
            return False
        return True
