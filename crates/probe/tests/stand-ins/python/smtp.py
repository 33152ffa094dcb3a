"""A mail server. Arguments: the port, the user and the password it takes, how it speaks TLS (none, starttls, first),
and the files of its certificate and key."""

import base64
import signal
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult, LoginPassword

port, user, password, tls, certificate, key = sys.argv[1:]


def authenticate(server, session, envelope, mechanism, data):
    """Takes one user; to anybody else it repeats what they said, as a careless server might."""
    if not isinstance(data, LoginPassword):
        return AuthResult(success=False, handled=False)
    good = (data.login, data.password) == (user.encode(), password.encode())
    said = base64.b64encode(b"\0" + data.login + b"\0" + data.password).decode()
    message = None if good else f"535 5.7.8 no such login: {data.password.decode()} {said}"
    return AuthResult(success=good, handled=good, message=message)


context = None
if tls != "none":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

options = {"authenticator": authenticate, "auth_require_tls": tls == "starttls"}
if tls == "starttls":
    options["tls_context"] = context
elif tls == "first":
    options["ssl_context"] = context

controller = Controller(Sink(), hostname="127.0.0.1", port=int(port), **options)
controller.start()
signal.sigwait([signal.SIGTERM, signal.SIGINT])
