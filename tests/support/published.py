"""What an operator publishes: one document, at an address on this machine."""

import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Published(ThreadingHTTPServer):
    """It answers from the beginning until it is closed."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.octets, self.is_down = b"", False
        #: The path of each that asked, and what it was answered.
        self.asked, self.statuses = [], []
        self._thread = threading.Thread(
            target=self.serve_forever, args=[0.01], daemon=True
        )
        self._thread.start()

    @property
    def url(self):
        return f"http://localhost:{self.server_port}/federation.xml"

    def close(self):
        """Nothing answers any more."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
            self.server_close()

    def __exit__(self, *_):
        self.close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append(self.path)
        etag = f'"{sha256(server.octets).hexdigest()}"'
        status = 304 if self.headers.get("If-None-Match") == etag else 200
        status = 503 if server.is_down else status
        server.statuses.append(status)
        body = server.octets if status == 200 else b""
        self.send_response(status)
        self.send_header("ETag", etag)
        self.send_header("Content-Type", "application/samlmetadata+xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass
