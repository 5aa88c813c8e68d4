# Receives webhooks from Switera with FastAPI. Run it: uvicorn switera_webhook:app --port 8000
import os

from fastapi import FastAPI, HTTPException, Request
from standardwebhooks import Webhook, WebhookVerificationError

app = FastAPI()
webhook = Webhook(os.environ["SWITERA_WEBHOOK_SECRET"])


@app.post("/webhooks/switera", status_code=204)
async def receive(request: Request) -> None:
    try:
        event = webhook.verify(await request.body(), dict(request.headers))
    except (WebhookVerificationError, ValueError):
        raise HTTPException(400, "The signature does not fit.") from None
    # A message can come more than once: do nothing if you have seen this webhook-id before.
    # Put the work into a queue of your own, and answer at once.
    print(event["type"], request.headers["webhook-id"])
