"""Messages to customers."""

import atexit
from functools import cache

from outbound_chat import OutboundChat
from shop.models import Order


@cache
def chat() -> OutboundChat:
    """One client for all threads of the process; it connects when it is first used."""
    client = OutboundChat.from_settings()
    atexit.register(client.close)
    return client


def tell_customer(order: Order) -> None:
    """Enqueues the message of an order; any number of times, since the key lets only the first one through."""
    job = chat().enqueue(
        sender="demo",
        tenant="shop",
        to=order.phone,
        text=f"Your order {order.pk} has left.",
        idempotency_key=f"order-{order.pk}-has-left",
    )
    order.job_id = job.id
    order.save(update_fields=["job_id"])
