"""A Django service of a stranger, for gunicorn and uvicorn."""

import logging
import os

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path
from prometheus_client import Counter

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY=os.urandom(8).hex(), LOGGING_CONFIG=None)
django.setup()
ORDERS = Counter("orders_total", "Own.")


def order(request, number):
    ORDERS.inc()
    logging.getLogger("web").warning("order read")
    return JsonResponse({"pid": os.getpid()})


urlpatterns = [path("orders/<int:number>", order)]
wsgi = get_wsgi_application()
asgi = get_asgi_application()
