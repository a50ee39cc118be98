"""Messages to customers."""

from functools import cache

from outbound_chat import OutboundChat
from shop.models import Order


@cache
def chat() -> OutboundChat:
    """One client for all threads of the process; it connects when it is first used."""
    return OutboundChat.from_settings()


def tell_customer(order: Order) -> None:
    """Enqueues the message of an order; any number of times, since the key lets only the first one through."""
    job = chat().enqueue(
        sender="demo",
        to=order.phone,
        text=f"Your order {order.pk} has left.",
        idempotency_key=f"order-{order.pk}-has-left",
    )
    order.job_id = job.id
    order.save(update_fields=["job_id"])
