"""What failures most likely mean, in plain English: a table by error code and by response status.

`{names}` in the sentences stand for facts; deliveries/failure_causes.py fills them in.
"""

from dataclasses import dataclass

from deliveries.error_codes import ErrorCode


@dataclass(frozen=True)
class Cause:
    """Plain text: what happened and most likely why, in sentences; what to look at, in order; the one next step."""

    title: str
    explanation: str
    checks: tuple[str, ...]
    action: str


NEW_SECRET = "Put the current secret into the receiver's environment, send one test, then retry."  # noqa: S105
EVERY_SIGNATURE = "Does the receiver try every signature in webhook-signature? They stand with a space between."
CHECKS_OF_SECRET = (
    "Is the secret in the receiver's environment the current one of {endpoint}, whsec_ included?",
    "Was the receiver started again after its secret was changed?",
)
_CHECKS_OF_SIGNATURE = (
    *CHECKS_OF_SECRET,
    "Does it verify the body as it arrived, before anything parses it?",
    "Is its clock right? A message is refused when the clocks are more than five minutes apart.",
)
_SEND_A_TEST = "Send one test to see the receiver's answer, mend what it says, then retry."
_CERTIFICATE = "Install a valid certificate with its whole chain for {host}, send one test, then retry."

CSRF = Cause(
    "The receiver's CSRF protection refused the request (403).",
    "Its framework takes the message for a form that was sent from elsewhere. The signature proves who sent it, so no "
    "CSRF token is needed.",
    ("Is the view exempt? In Django that is @csrf_exempt, in Rails skip_before_action :verify_authenticity_token.",),
    "Exempt the path {path} from CSRF protection, send one test, then retry.",
)
SIGN_IN = Cause(
    "The receiver asks for a sign-in (redirect to {location}).",
    "The path {path} is behind a sign-in that is made for people. The signature proves who sent the message.",
    ("Is the path exempt from the sign-in, in the application and in whatever stands before it?",),
    "Let {path} be reached without a sign-in, send one test, then retry.",
)
REDIRECT = Cause(
    "The receiver answered with a redirect ({status}).",
    "Redirects are not followed. The URL of {endpoint} is most likely not quite the one that the receiver serves: the "
    "redirect points to {location}.",
    (
        "Is it a slash at the end of the path, https instead of http, or another host, such as one with www?",
        "Is a sign-in or a maintenance page in the way?",
    ),
    "If that is where messages belong, make it the URL of {endpoint}, then retry.",
)
REDIRECT_TO_NOWHERE = Cause(
    "The receiver answered with a redirect ({status}).",
    "Redirects are not followed, and this one does not say where to.",
    ("What does the receiver, or the proxy before it, do with a POST to {path}?",),
    "Let {path} answer with 2xx itself, send one test, then retry.",
)
BODY_TIMEOUT = Cause(
    "The receiver's answer did not end in time.",
    "It sent its status ({status}), but the body was not complete within {timeout}. It most likely works while it "
    "answers, or keeps the connection open without telling the length of the body.",
    (
        "Is there work between the status and the end of the body?",
        "Does the answer have a Content-Length, or end its chunks?",
    ),
    "Answer with an empty 204, do the work in a queue, then retry.",
)
EGRESS_PROXY = Cause(
    "{error}",
    "Requests leave through a proxy of whoever runs this service, so this may have nothing to do with {host}.",
    ("Do deliveries to other endpoints fail in the same way?", "Can {host} be reached on port {port} from elsewhere?"),
    "If other endpoints fail too, tell whoever runs this service; what waits is tried again by itself.",
)

BY_CODE: dict[ErrorCode, Cause] = {
    ErrorCode.TIMEOUT: Cause(
        "The receiver did not answer in time.",
        "Nothing came back within {timeout}. It most likely does its work before it answers, or a firewall drops "
        "what comes.",
        (
            "Does it answer before the work is done? A queue of its own is the place for the work.",
            "Was it starting, or waiting for its database, at that time?",
            "Does a firewall before {host} drop connections from this service without a word?",
        ),
        "Answer 2xx at once and do the work afterwards, send one test, then retry.",
    ),
    ErrorCode.CONNECTION_REFUSED: Cause(
        "{error}",
        "Most likely nothing listens on port {port} of {host}, or a firewall refuses.",
        (
            "Does the receiver run, and does it listen on port {port}?",
            "Does a firewall or a security group let this service in?",
            "Does {host} still point to the right machine?",
        ),
        "Start the receiver or open the port, send one test, then retry.",
    ),
    ErrorCode.CONNECTION_RESET: Cause(
        "The receiver closed the connection before it answered.",
        "It took the connection and ended it without an answer: most likely a process that crashed or was being "
        "replaced, or a proxy that gave up on it.",
        (
            "What does the receiver's log say at that time? A crash or a restart is the usual find.",
            "Does the proxy before it limit the size of requests or the time that they take?",
        ),
        "Look into the receiver's log at that time, mend what it shows, then retry.",
    ),
    ErrorCode.DNS_FAILURE: Cause(
        "{error}",
        "The name is most likely misspelled, removed, or not public.",
        (
            "Is {host} spelled right?",
            "Does the name resolve from outside your own network?",
            "Has the domain or its DNS record expired?",
        ),
        "Put the name into public DNS, or correct the URL of {endpoint}, then retry.",
    ),
    ErrorCode.TLS_UNTRUSTED: Cause(
        "{error}",
        "It is most likely self-signed, or the server does not send the certificates between its own and the "
        "authority's.",
        (
            "Does the server send the whole chain? Browsers fetch what is missing, programs do not.",
            "Is the certificate from a public authority?",
        ),
        _CERTIFICATE,
    ),
    ErrorCode.TLS_EXPIRED: Cause(
        "{error}",
        "Its renewal most likely failed, or the server was not told to use the new one.",
        (
            "When does the certificate of {host} end?",
            "Was the server loaded again after the last renewal?",
            "Is its first day still to come?",
        ),
        "Renew the certificate of {host}, load the server again, send one test, then retry.",
    ),
    ErrorCode.TLS_HOSTNAME: Cause(
        "{error}",
        "The server at {host} most likely answers with the certificate of its default site.",
        (
            "Is {host} among the names in the certificate?",
            "Does the server choose its certificate by the name that is asked for (SNI)?",
        ),
        "Install a certificate that names {host}, or correct the URL of {endpoint}, then retry.",
    ),
    ErrorCode.TLS_ERROR: Cause(
        "{error}",
        "The server most likely speaks no TLS on port {port}, or only versions before 1.2.",
        (
            "Does the server speak TLS 1.2 or 1.3 on port {port}?",
            "Does it ask for a client certificate? This service has none to show.",
        ),
        "Let the server speak TLS 1.2 or newer on port {port}, send one test, then retry.",
    ),
    ErrorCode.BLOCKED_ADDRESS: Cause(
        "Nothing was sent: the destination is not allowed.",
        "The address guard says: {verdict} "
        "Messages go to public addresses only, so that nobody can reach into a private network through this "
        "service.",
        (
            "Which address does {host} resolve to now? A name that turned private is refused too.",
            "Is the receiver meant to be public? A tunnel or a public proxy makes it so.",
        ),
        "Give {endpoint} a URL with a public address, or ask whoever runs this service to allow the network, then "
        "retry.",
    ),
    ErrorCode.INVALID_RESPONSE: Cause(
        "{error}",
        "Something other than a web server most likely listens on port {port}, or a proxy cut the answer.",
        (
            "Does a web server listen on port {port} of {host}?",
            "Do the length of the body and its Content-Length agree?",
            "Did the receiver's process end while it answered?",
        ),
        "Let the receiver answer with an empty 204, send one test, then retry.",
    ),
    ErrorCode.WORKER_LOST: Cause(
        "This service was interrupted while it was sending.",
        "The process that sent the message ended before it could note the answer, so the message may have arrived. "
        "It goes out again with the same webhook-id.",
        ("Did the receiver get this webhook-id already? It may come twice.",),
        "There is nothing to mend: the next attempt comes by itself.",
    ),
    ErrorCode.INTERNAL_ERROR: Cause(
        "{error}",
        "This service could not do its part; the receiver has nothing to do with it.",
        ("Does the next attempt fail in the same way?",),
        "Wait for the next attempt; if it fails too, tell whoever runs this service.",
    ),
}

BY_STATUS: dict[int, Cause] = {
    400: Cause(
        "The receiver refused the request (400).",
        "It most likely did not verify the signature, or did not understand the body.",
        (
            "What does the body of its answer say?",
            *_CHECKS_OF_SIGNATURE,
            "Does its framework know the host {host}? In Django that is ALLOWED_HOSTS.",
        ),
        _SEND_A_TEST,
    ),
    401: Cause(
        "The receiver refused the request (401).",
        "It most likely did not verify the signature, or wants a credential that the message does not carry.",
        (*_CHECKS_OF_SIGNATURE, "Does it want a token? A custom header of {endpoint} can carry one."),
        "Check the secret in the receiver's environment, send one test, then retry.",
    ),
    403: Cause(
        "The receiver refused the request (403).",
        "A firewall, a CSRF protection or a rule for addresses most likely stands before the receiver, or the "
        "signature did not verify.",
        (
            "Whose answer is it, by its headers and body: the application's, or that of a proxy or firewall?",
            "Is {path} exempt from CSRF protection and from rules against robots?",
            *_CHECKS_OF_SIGNATURE,
        ),
        "Let requests to {path} through, send one test, then retry.",
    ),
    404: Cause(
        "The receiver has nothing at this path (404).",
        "The path {path} is most likely misspelled, or the receiver is not deployed there.",
        (
            "Is {path} the path of the receiver, slash at the end and prefix included?",
            "Is the version that has it deployed on {host}?",
            "Does the route take POST?",
        ),
        "Correct the URL of {endpoint} or deploy the receiver, send one test, then retry.",
    ),
    405: Cause(
        "The receiver takes no POST at this path (405).",
        "There is something at {path}, but not a receiver of webhooks: most likely a page, or a route for another "
        "method.",
        ("Is {path} the path of the receiver?", "Does its route take POST?"),
        "Let the route take POST or correct the URL of {endpoint}, send one test, then retry.",
    ),
    408: Cause(
        "The receiver gave up waiting for the request (408).",
        "It, or a proxy before it, most likely was too busy to read the message.",
        (
            "Was the receiver short of workers at that time?",
            "Does a proxy before it wait for less time than a message of {size} takes?",
        ),
        "Give the receiver room for more requests at once, then retry.",
    ),
    410: Cause(
        "The receiver says that it is gone for good (410).",
        "By this answer a receiver asks for no more messages, so {endpoint} was disabled.",
        ("Was the receiver taken down on purpose?", "Does another URL take its place?"),
        "Delete {endpoint} if it is not needed; else correct its URL, enable it, and retry.",
    ),
    413: Cause(
        "The message is too large for the receiver (413).",
        "The message has {size}. The receiver, or a proxy before it, takes less.",
        (
            "Which limit is it? nginx has client_max_body_size, Express the limit of express.raw().",
            "Could the event carry an id in place of the whole object?",
        ),
        "Raise the receiver's limit above {size}, then retry.",
    ),
    415: Cause(
        "The receiver does not take this kind of body (415).",
        "Messages are application/json. It most likely expects a form.",
        ("Does the route take application/json?",),
        "Let the route take application/json, send one test, then retry.",
    ),
    422: Cause(
        "The receiver did not accept the content (422).",
        "It understood the message, and most likely checks it against a schema of its own that does not fit this type.",
        (
            "What does the body of its answer say?",
            "Does its schema allow fields that it does not know, and every type that {endpoint} is subscribed to?",
        ),
        "Let the receiver accept and ignore what it does not know, send one test, then retry.",
    ),
    429: Cause(
        "The receiver gets too many requests (429).",
        "It, or a proxy before it, limits how many it takes. Deliveries to {endpoint} slow down by themselves.",
        (
            "Which limit did it reach, and is it meant for webhooks?",
            "Does {endpoint} have a rate limit that is below the receiver's?",
        ),
        "Set the rate limit of {endpoint} below the receiver's; what waits is then tried again by itself.",
    ),
    500: Cause(
        "The receiver failed while it handled the message (500).",
        "Its own code most likely raised an error on this message.",
        (
            "What does the receiver's log say at that time? Look for the webhook-id.",
            "Does it fail on this event type only?",
        ),
        "Mend the error in the receiver's log, send one test, then retry.",
    ),
    502: Cause(
        "The proxy before the receiver got no valid answer from it (502).",
        "The receiver most likely crashed, was being deployed, or does not listen where the proxy looks for it.",
        ("Does the receiver run?", "Does the proxy look for it at the right address and port?"),
        "Start the receiver, send one test, then retry.",
    ),
    503: Cause(
        "The receiver is not available (503).",
        "It is most likely overloaded, in maintenance, or has no running instance.",
        ("Is a deployment or a maintenance going on?", "Are there enough instances for what comes?"),
        "Wait until it is available again: what waits is tried again by itself.",
    ),
    504: Cause(
        "The proxy before the receiver waited too long for it (504).",
        "The receiver most likely does its work before it answers.",
        (
            "Does it answer before the work is done? A queue of its own is the place for the work.",
            "How long does the proxy wait? This service waits {timeout}.",
        ),
        "Answer 2xx at once and do the work afterwards, send one test, then retry.",
    ),
}
OTHER_4XX = Cause(
    "The receiver refused the request ({status}).",
    "It answered, so the connection is fine: the receiver itself, or a proxy before it, does not take the message.",
    ("What does the body of its answer say?", "Whose answer is it: the application's, or that of a proxy or firewall?"),
    _SEND_A_TEST,
)
OTHER_STATUS = Cause(
    "The receiver answered with {status}.",
    "Only 2xx counts as success. It most likely failed while it handled the message, or a proxy before it did.",
    ("What does the receiver's log say at that time?", "Whose answer is it: the application's, or that of a proxy?"),
    _SEND_A_TEST,
)
