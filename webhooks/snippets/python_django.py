# Receives webhooks from Switera with Django. In your urls.py: path("", include("switera_webhook"))
import os

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["SWITERA_WEBHOOK_SECRET"])


@csrf_exempt  # the signature says who sent it
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    try:
        event = webhook.verify(request.body, dict(request.headers))
    except (WebhookVerificationError, ValueError):
        return HttpResponse("The signature does not fit.", status=400)
    # A message can come more than once: do nothing if you have seen this webhook-id before.
    # Put the work into a queue of your own, and answer at once.
    print(event["type"], request.headers["webhook-id"])
    return HttpResponse(status=204)


urlpatterns = [path("webhooks/switera", receive)]
