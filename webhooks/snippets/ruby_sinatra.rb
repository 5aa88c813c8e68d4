# Receives webhooks from Switera with Sinatra. Run it: ruby switera_webhook.rb -p 8000
require "json"
require "openssl"
require "sinatra"

KEY = ENV.fetch("SWITERA_WEBHOOK_SECRET").delete_prefix("whsec_").unpack1("m0")
abort "Set SWITERA_WEBHOOK_SECRET to the secret of the endpoint." if KEY.empty?
TOLERANCE = 300 # seconds

def genuine?(id, sent_at, signatures, body)
  return false unless sent_at.match?(/\A\d+\z/) && (Time.now.to_i - sent_at.to_i).abs <= TOLERANCE

  signed = [id, sent_at, body].map(&:b).join(".")
  expected = "v1," + [OpenSSL::HMAC.digest("SHA256", KEY, signed)].pack("m0")
  # There are several while a secret is being replaced: one that fits is enough.
  signatures.split(" ").any? { |given| OpenSSL.secure_compare(given, expected) }
end

post "/webhooks/switera" do
  body = request.body.read
  id, sent_at, signatures = %w[ID TIMESTAMP SIGNATURE].map { |name| request.env["HTTP_WEBHOOK_#{name}"].to_s }
  halt 400, "The signature does not fit." unless genuine?(id, sent_at, signatures, body)

  event = JSON.parse(body)
  # A message can come more than once: do nothing if you have seen this webhook-id before.
  # Put the work into a queue of your own, and answer at once.
  puts "#{event["type"]} #{id}"
  204
end
