"""What recorded octets say, as nested dictionaries and lists that turn into JSON: the core of `headend trace`."""

from headend.dlms.trace.forms import Form, guess, trace
from headend.dlms.trace.keys import KeyRing, TraceKey
from headend.dlms.trace.tracing import Tracer

__all__ = ["Form", "KeyRing", "TraceKey", "Tracer", "guess", "trace"]
