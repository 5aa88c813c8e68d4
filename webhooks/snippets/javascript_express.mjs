// Receives webhooks from Switera with Express. Run it: node switera_webhook.mjs
import express from "express";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.SWITERA_WEBHOOK_SECRET);
const app = express();

// The signature is over the raw body: no parser of JSON may come before this route.
app.post("/webhooks/switera", express.raw({ type: "*/*", limit: "1mb" }), (request, response) => {
  let event;
  try {
    event = webhook.verify(request.body, request.headers);
  } catch {
    return response.status(400).send("The signature does not fit.");
  }
  // A message can come more than once: do nothing if you have seen this webhook-id before.
  // Put the work into a queue of your own, and answer at once.
  console.log(event.type, request.headers["webhook-id"]);
  response.sendStatus(204);
});

app.listen(process.env.PORT || 8000);
