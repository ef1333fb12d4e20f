"""A server that takes answers, a thread a visitor as the app has; tests kill it.

python -m tests.data.answers.answer_server PORT
"""

import json
import sys
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from simcore.lab.people import participation


class Desk(BaseHTTPRequestHandler):
    """POST {} joins; {"code"} asks what comes next; {"code", "number", "place"} answers first."""

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "code" not in said:
            told = {"code": participation.join("storm")}
        else:
            if "place" in said:
                participation.answer(
                    "storm", said["code"], said["number"], place=said["place"], seconds=1.0
                )
            screen = participation.screen("storm", said["code"])
            told = {} if screen is None else asdict(screen)
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """As many waiting callers as come."""

    request_queue_size = 128
    daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Desk).serve_forever()
