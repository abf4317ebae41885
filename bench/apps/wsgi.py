# The sync app of the bench in Python: the twin of servers/sync-app.js, for gunicorn, waitress and uwsgi.
import time

HELLO = b"Hello, World!"
CHUNK = b"x" * 1024
CHUNKS = 64
OCTETS = ("Content-Type", "application/octet-stream")


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", [OCTETS])
        return stream()
    if environ["REQUEST_METHOD"] == "POST":
        return upload(environ, start_response) if path == "/upload" else echo(environ, start_response)
    if path == "/sleep":
        time.sleep(0.02)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(HELLO)))])
    return [HELLO]


def echo(environ, start_response):
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [OCTETS, ("Content-Length", str(len(body)))])
    return [body]


def upload(environ, start_response):
    count = 0
    left = int(environ["CONTENT_LENGTH"])
    while left > 0:
        piece = environ["wsgi.input"].read(min(left, 65536))
        if not piece:
            break
        count += len(piece)
        left -= len(piece)
    body = str(count).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def stream():
    for _ in range(CHUNKS):
        yield CHUNK
