"""What each state is called and looks like: a word, an icon and a tone, never a colour alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Badge:
    """`tone` is good, warn, bad, info or idle; `icon` a file of static/vendor/lucide."""

    tone: str
    icon: str
    word: str


HEALTH = {
    "attention": Badge("warn", "circle-alert", "Attention"),
    "live": Badge("good", "check", "Live"),
    "ready": Badge("info", "circle-check", "Ready"),
    "setup": Badge("idle", "circle-dashed", "Setup"),
}
DELIVERY = {
    "pending": Badge("info", "clock", "Pending"),
    "retrying": Badge("warn", "rotate-cw", "Retrying"),
    "held": Badge("idle", "pause", "Held"),
    "sending": Badge("info", "send", "Sending"),
    "succeeded": Badge("good", "check", "Succeeded"),
    "failed": Badge("bad", "x", "Failed"),
    "canceled": Badge("idle", "ban", "Canceled"),
}
ATTEMPT = {"succeeded": DELIVERY["succeeded"], "failed": DELIVERY["failed"]}
BREAKER = {
    "closed": Badge("good", "check", "Closed"),
    "open": Badge("bad", "octagon-pause", "Open"),
    "half_open": Badge("warn", "circle-alert", "Half-open"),
}
ENABLED = Badge("good", "check", "Enabled")
DISABLED = {
    "manual": Badge("idle", "pause", "Disabled"),
    "gone": Badge("bad", "pause", "Disabled: gone (410)"),
    "sustained_failure": Badge("bad", "pause", "Disabled: only failures"),
}


def delivery_badge(status: str, *, attempts: int, held: bool) -> Badge:
    """A pending delivery is held, or waits for a retry, or for its first attempt."""
    if status == "pending" and held:
        return DELIVERY["held"]
    if status == "pending" and attempts:
        return DELIVERY["retrying"]
    return DELIVERY[status]


def enabled_badge(disabled_reason: str | None) -> Badge:
    return ENABLED if disabled_reason is None else DISABLED[disabled_reason]
