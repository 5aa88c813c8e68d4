<?php
// Receives webhooks from Switera. Run it: php -S 127.0.0.1:8000 switera_webhook.php

const TOLERANCE = 300; // seconds

function is_genuine(string $key, string $id, string $sent_at, string $signatures, string $body): bool
{
    if (!ctype_digit($sent_at) || abs(time() - (int) $sent_at) > TOLERANCE) {
        return false;
    }
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$sent_at.$body", $key, true));
    // There are several while a secret is being replaced: one that fits is enough.
    foreach (explode(' ', $signatures) as $given) {
        if (hash_equals($expected, $given)) {
            return true;
        }
    }
    return false;
}

$key = base64_decode(str_replace('whsec_', '', (string) getenv('SWITERA_WEBHOOK_SECRET')), true);
if (!$key) {
    http_response_code(500);
    exit('Set SWITERA_WEBHOOK_SECRET to the secret of the endpoint.');
}
if (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) !== '/webhooks/switera') {
    http_response_code(404);
    exit;
}
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
$sent_at = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
$signatures = $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '';
$body = file_get_contents('php://input');
if (!is_genuine($key, $id, $sent_at, $signatures, $body)) {
    http_response_code(400);
    exit('The signature does not fit.');
}
$event = json_decode($body, true);
// A message can come more than once: do nothing if you have seen this webhook-id before.
// Put the work into a queue of your own, and answer at once.
error_log($event['type'] . ' ' . $id);
http_response_code(204);
