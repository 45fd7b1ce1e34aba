"""uvicorn's WebSocket protocol as we run it: a socket that breaks the rules still hears why it is closed, and a frame
for ten thousand is encoded once.
"""

from __future__ import annotations

from functools import lru_cache

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State

LINGER_SECONDS = 1.0
ENCODED = 64
"""Frames kept encoded: two slices of the hub's."""


class PatientSocketProtocol(WebSocketsSansIOProtocol):
    """After a frame that is too large or not UTF-8 it reads on, and drops, what is still on its way.

    Closed at once with bytes unread, the kernel would answer a reset, and the close frame would be lost with it.
    """

    def write_text(self, text: str) -> bool:
        """Hand a frame to the kernel at once; False when the socket would have to wait, or takes nothing any more.

        What `send` does for a text, without its task, its parser and its encoding: a tenth of the time.
        """
        if (
            not self.writable.is_set()
            or not self.handshake_complete
            or self.close_sent
            or self.conn.state is not State.OPEN
            or self.transport.is_closing()
        ):
            return False
        self.transport.write(encode(text))
        return True

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


@lru_cache(maxsize=ENCODED)
def encode(text: str) -> bytes:
    """A text as a whole frame of a server, which masks nothing."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)
