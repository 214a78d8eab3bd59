"""The web server of `telehealth serve`: uvicorn that lets calls move on before it ends."""

import socket

import uvicorn
from fastapi import FastAPI

from signaling.gate import Gate
from signaling.transport import CallSocket
from telehealth.core.settings import Settings


class Server(uvicorn.Server):
    """On SIGTERM the rooms are handed on first: a page that comes back finds them in another process."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self.app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        gate: Gate = self.app.state.gate
        await gate.drain()
        await super().shutdown(sockets)


def run(app: FastAPI, config: Settings) -> None:
    """Until it is asked to end. Pings of the WebSocket protocol are off: rooms have their own, which pages can hear."""
    settings = uvicorn.Config(
        app,
        host=config.host,
        port=config.port,
        loop="uvloop",
        ws=CallSocket,
        ws_per_message_deflate=False,
        ws_max_size=256 * 1024,
        ws_ping_interval=None,
        proxy_headers=bool(config.trusted_proxies),
        forwarded_allow_ips=config.trusted_proxies or None,
        server_header=False,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    Server(settings, app).run()
