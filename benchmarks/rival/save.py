"""`python -m benchmarks.rival.save ITEMS URL…`: a webhook for each URL at the first run, and so many items saved."""

import sys

from benchmarks.rival import worker  # noqa: F401 (sets Django and Celery up)

if __name__ == "__main__":
    from django_webhook.models import Webhook, WebhookSecret, WebhookTopic  # type: ignore[import-not-found]

    from benchmarks.rival.models import Item

    topic, _ = WebhookTopic.objects.get_or_create(name="rival.Item/create")
    for url in sys.argv[2:]:
        if not Webhook.objects.filter(url=url).exists():
            webhook = Webhook.objects.create(url=url)
            webhook.topics.add(topic)
            WebhookSecret.objects.create(webhook=webhook, token="a secret of a benchmark")
    for _ in range(int(sys.argv[1])):
        Item(text="x" * 840).save()
