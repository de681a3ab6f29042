"""
An S3-compatible store in a process of its own: moto's, behind gevent's server, which closes TLS as it should.

    python -m tests.lab.s3_server ADDRESS CERTIFICATE KEY

Prints its port when it listens. What it holds is in memory, and gone with it.
"""

import socket
import sys

from gevent import monkey

monkey.patch_all()

from gevent.pywsgi import WSGIServer  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402


def main(address: str, certificate: str, key: str) -> None:
    listener = WSGIServer.get_listener((address, 0), 128, family=socket.AF_INET)
    # pywsgi writes head and body apart: with Nagle's algorithm each answer would wait 40 ms for the client's kernel.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    application = DomainDispatcherApplication(create_backend_app)
    server = WSGIServer(listener, application, certfile=certificate, keyfile=key, log=None, error_log=sys.stderr)
    server.start()
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
