"""Orders, each with the job of the message that says it has left."""

from django.db import models


class Order(models.Model):
    phone = models.CharField(max_length=20)
    has_left = models.BooleanField(default=False)
    job_id = models.CharField(max_length=100, blank=True, editable=False)

    def __str__(self) -> str:
        return f"Order {self.pk}"
