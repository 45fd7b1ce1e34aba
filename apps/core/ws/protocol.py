"""uvicorn's WebSocket protocol as we run it: a socket that breaks the rules still hears why it is closed."""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LINGER_SECONDS = 1.0


class PatientSocketProtocol(WebSocketsSansIOProtocol):
    """After a frame that is too large or not UTF-8 it reads on, and drops, what is still on its way.

    Closed at once with bytes unread, the kernel would answer a reset, and the close frame would be lost with it.
    """

    def handle_parser_exception(self) -> None:
        if self.close_sent:
            return
        assert self.conn.close_sent is not None
        self.queue.put_nowait(
            {
                "type": "websocket.disconnect",
                "code": self.conn.close_sent.code,
                "reason": self.conn.close_sent.reason,
            }
        )
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)
