"""The clients: `OutboundChat` for threads, `AsyncOutboundChat` for asyncio.

`steps` implements each method once, as a generator of script calls. Both clients only run these generators.
"""

from outbound_chat.client.aio import AsyncOutboundChat
from outbound_chat.client.steps.batch_keys import FileKey, NumberSketch
from outbound_chat.client.sync import OutboundChat

__all__ = ["AsyncOutboundChat", "FileKey", "NumberSketch", "OutboundChat"]
