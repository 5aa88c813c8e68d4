// Reads {"secret", "headers", "body"} and says whether the standard's JavaScript library verifies the request.
const { Webhook } = require("standardwebhooks");

const request = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
try {
  const payload = new Webhook(request.secret).verify(request.body, request.headers);
  process.stdout.write(JSON.stringify({ verified: true, payload }));
} catch (error) {
  process.stdout.write(JSON.stringify({ verified: false, error: error.message }));
}
