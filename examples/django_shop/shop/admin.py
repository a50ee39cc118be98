"""Orders in the admin, with an action that tells customers."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from outbound_chat import InvalidJob, StoreError
from shop.messages import tell_customer
from shop.models import Order


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ("__str__", "has_left", "job_id")
    actions = ("tell_customers",)

    @admin.action(description="Tell the customers of orders that have left")
    def tell_customers(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        """Also right after a fault, of all orders: who was told already is not told again."""
        told = 0
        for order in orders.filter(has_left=True):
            try:
                tell_customer(order)
            except InvalidJob as error:
                self.message_user(request, f"{order}: {error.errors[0]}", messages.ERROR)
            except StoreError as error:
                self.message_user(request, f"Redis does not answer, try the rest later: {error}", messages.ERROR)
                break
            else:
                told += 1
        self.message_user(request, f"{told} messages are on their way.", messages.SUCCESS)
