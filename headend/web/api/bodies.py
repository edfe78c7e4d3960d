"""Bodies that are read by hand, as the document tells them: what is signed octet by octet, and XML."""

from dataclasses import dataclass
from typing import Final

from litestar.openapi.spec import Example, OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

_TEXT: Final = Schema(type=OpenAPIType.STRING)
_PAYMENT: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["payment_id", "consumer_no", "amount_paise"],
    properties={
        "payment_id": Schema(type=OpenAPIType.STRING, pattern="^[!-~]{1,64}$"),
        "consumer_no": Schema(type=OpenAPIType.STRING, pattern="^[0-9]{11}$"),
        "amount_paise": Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=10_00_000_00),
        "paid_at": Schema(
            one_of=[Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME), Schema(type=OpenAPIType.NULL)]
        ),
        "channel": _TEXT,
    },
)
_PAYMENTS: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["payments"],
    properties={"payments": Schema(type=OpenAPIType.ARRAY, items=_PAYMENT, min_items=1, max_items=1000)},
)
_CONTROL: Final = """<?xml version="1.0" encoding="UTF-8"?>
<RequestMessage xmlns="http://iec.ch/TC57/2011/schema/message">
  <Header>
    <Verb>create</Verb>
    <Noun>EndDeviceControls</Noun>
    <Timestamp>2026-11-24T10:15:00+05:30</Timestamp>
    <Source>MDM</Source>
    <MessageID>8c1f0a52</MessageID>
  </Header>
  <Payload>
    <EndDeviceControls xmlns="http://iec.ch/TC57/2011/EndDeviceControls#">
      <EndDeviceControl>
        <reason>paid</reason>
        <EndDeviceControlType ref="3.31.0.18"/>
        <EndDevices><Names><name>SN0001</name></Names></EndDevices>
      </EndDeviceControl>
    </EndDeviceControls>
  </Payload>
</RequestMessage>
"""


@dataclass
class SignedPayments(Operation):
    """One payment or several, shown to be the gateway's by a signature instead of a token."""

    def __post_init__(self) -> None:
        """Tell the body and the signature."""
        self.security = [{"signature": []}]
        content = OpenAPIMediaType(schema=Schema(any_of=[_PAYMENT, _PAYMENTS]))
        self.request_body = RequestBody(content={"application/json": content}, required=True)


@dataclass
class CimMessage(Operation):
    """A RequestMessage of IEC 61968-100."""

    def __post_init__(self) -> None:
        """Tell the body, with a whole message as its example."""
        content = OpenAPIMediaType(schema=_TEXT, examples={"connect": Example(value=_CONTROL)})
        self.request_body = RequestBody(content={"application/xml": content}, required=True)
