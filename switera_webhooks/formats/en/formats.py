"""To the second and in the order that sorts; in UTC, which is the project's time zone."""

DATETIME_FORMAT = "Y-m-d H:i:s"
