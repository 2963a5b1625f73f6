"""Payments, in Python's standard library: nothing in it knows of a mesh."""
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Payments(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        data = (json.dumps(body) + "\n").encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, {"ok": True})
        elif self.path == "/ledger":
            self.answer(200, {"entries": [1290]})
        else:
            self.answer(404, {"error": "no such thing"})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/charge":
            self.answer(201, {"charged": 1290, "by": "python"})
        else:
            self.answer(404, {"error": "no such thing"})

    def log_message(self, *_):
        pass


ThreadingHTTPServer((os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "9090"))), Payments).serve_forever()
