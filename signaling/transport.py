"""A call's socket without a framework between the frame and the room.

uvicorn's WebSocket protocol queues every message, stops reading, wakes a task and reads on: that costs more than the
room's own work. Here the ASGI application only lets the page in (`Door`) and hands the socket over; from then on each
frame goes from the parser to the room and from the room to the transport in one step, and no task stays behind.
"""

from typing import Any, cast

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from signaling import messages as m
from signaling.close_codes import Close
from signaling.gate import Link, Malformed

BURST = 200
"""Frames that may come at once; ICE candidates come in bunches."""
FRAMES_PER_S = 50
UNSENT_BYTES = 1024**2
"""Waiting for a slow reader before its socket is given up."""
EXTENSION = "telehealth.call"
"""Where the door finds the socket in the ASGI scope."""


class CallSocket(WebSocketsSansIOProtocol):
    """Behaves as uvicorn's own until `hand_over`."""

    link: Link | None = None
    tokens = float(BURST)
    counted_at = 0.0

    # Until the page is in

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if self.handshake_initiated and not self.close_sent:
            self.scope["extensions"][EXTENSION] = cast(Any, self)

    async def run_asgi(self) -> None:
        """As uvicorn's, but a socket that was handed over stays open when the application returns."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except BaseException:
            self.logger.exception("the door of calls failed")
            self.send_500_response()
        if self.link is None and self.close_timer is None:
            self.transport.close()
        self.scope = self.request = self.response = cast(Any, None)  # an idle socket need not remember its headers

    def hand_over(self, link: Link) -> None:
        """From now on frames go to the link; what came meanwhile goes first."""
        self.link = link
        while not self.queue.empty():
            event: dict[str, Any] = dict(self.queue.get_nowait())
            if event["type"] == "websocket.disconnect":
                self._gone()
            else:
                self._deliver((event.get("text") or "").encode())
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    # A socket, as lines know it

    def tell(self, frame: str) -> None:
        if self.close_sent or self.disconnected:
            return
        if self.transport.get_write_buffer_size() > UNSENT_BYTES:
            self.end(Close.SILENT)
            return
        try:
            self.conn.send_text(frame.encode())
        except InvalidState:  # the page was quicker
            return
        self.transport.write(b"".join(self.conn.data_to_send()))

    def end(self, code: Close) -> None:
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.close_sent = True
        try:
            self.conn.send_close(code)
        except InvalidState:
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
        self.loop.call_soon(self._gone)  # not before whoever ended it has done with the line

    # Frames

    def send_receive_event_to_app(self) -> None:
        if self.link is None:
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        self._deliver(data if self.curr_msg_data_type == "text" else b"")

    def _deliver(self, data: bytes) -> None:
        if self.close_sent or self.link is None:
            return
        if not self._may_speak():
            self.end(Close.FLOOD)
        elif len(data) > m.FRAME_BYTES:
            self.end(Close.TOO_LARGE)
        else:
            try:
                self.link.hear(data)
            except Malformed:
                self.end(Close.MALFORMED)

    def _may_speak(self) -> bool:
        """A token bucket: BURST frames at once, FRAMES_PER_S in the long run."""
        now = self.loop.time()
        self.tokens = min(BURST, self.tokens + (now - self.counted_at) * FRAMES_PER_S) - 1
        self.counted_at = now
        return self.tokens >= 0

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._gone()

    def _gone(self) -> None:
        link, self.link = self.link, None
        if link:
            link.gone()


class Wire:
    """The socket's face towards lines and rooms."""

    __slots__ = ("socket",)

    def __init__(self, socket: CallSocket) -> None:
        self.socket = socket

    def send(self, frame: str) -> None:
        self.socket.tell(frame)

    def close(self, code: Close) -> None:
        self.socket.end(code)
