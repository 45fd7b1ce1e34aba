"""Stands in for the local model's process: the same words at its standard input, an HTTP server, the same end."""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    key = ""
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers["authorization"] != f"Bearer {self.key}":
            self._answer(401, {"error": {"message": "no"}})
        elif body.get("die"):
            os._exit(3)
        else:
            choice = {"message": {"content": f"from {os.getpid()}"}, "finish_reason": "stop"}
            self._answer(200, {"choices": [choice]})

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


words = json.loads(sys.stdin.readline())
if words["name"] == "illegal":
    os.kill(os.getpid(), 4)
if words["name"] == "broken":
    sys.exit(1)
Handler.key = words["key"]
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdout.write(json.dumps({"address": f"http://127.0.0.1:{server.server_port}"}) + "\n")
sys.stdout.flush()
sys.stdin.read()
os._exit(0)
