"""Addresses of the shop."""

from django.contrib import admin
from django.urls import path

from shop import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("orders/<int:pk>/", views.show, name="order"),
    path("orders/<int:pk>/send-off/", views.send_off, name="send-off"),
]
