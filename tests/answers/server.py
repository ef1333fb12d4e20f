"""A server that takes answers, a thread a visitor as the app has; tests kill it.

python -m tests.answers.server PORT
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from simcore.data.answers import experiments


class Desk(BaseHTTPRequestHandler):
    """POST {} joins; {"code"} asks what is open; {"code", "number", "option"} answers."""

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        storm = experiments.get("storm")
        if "code" not in said:
            told = {"code": experiments.join(storm).code}
        else:
            person = experiments.participant(storm, said["code"])
            asked = {question.number: question for question in experiments.questions(storm)}
            if "option" in said:
                question = asked[said["number"]]
                experiments.record(person, question, option=said["option"], place=0, seconds=1.0)
            done = experiments.answered(person)
            told = {"open": [n for n, question in asked.items() if question.id not in done]}
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
