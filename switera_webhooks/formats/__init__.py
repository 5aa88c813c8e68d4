"""How Django writes times by itself, which is on the admin site: FORMAT_MODULE_PATH. Pages have {% moment %}."""
