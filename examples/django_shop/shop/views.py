"""An order's page: send it off, and see what became of the message."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from outbound_chat import InvalidJob, StoreError, UnknownJob
from shop.messages import chat, tell_customer
from shop.models import Order


@login_required(login_url="admin:login")
def show(request: HttpRequest, pk: int) -> HttpResponse:
    order = get_object_or_404(Order, pk=pk)
    return render(request, "order.html", {"order": order, "state": _state(order)})


@login_required(login_url="admin:login")
@require_POST
def send_off(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        with transaction.atomic():
            order = get_object_or_404(Order.objects.select_for_update(), pk=pk)
            order.has_left = True
            order.save()
            # Not before the commit: a rollback can't take a message back.
            transaction.on_commit(lambda: tell_customer(order))
    except InvalidJob as error:
        for fault in error.errors:
            messages.error(request, f"No message: {fault.field} {fault.message}")
    except StoreError:
        # The order has left all the same; the admin's action tells the customer later, and nobody twice.
        messages.warning(request, "No message yet: Redis does not answer.")
    return redirect("order", pk=pk)


def _state(order: Order) -> str:
    if not order.job_id:
        return "no message"
    try:
        return chat().status(order.job_id).state
    except UnknownJob:
        return "done long ago"
    except StoreError:
        return "not known at the moment"
