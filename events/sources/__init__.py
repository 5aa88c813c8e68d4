"""Where built-in events come from: each module listens to what really happens, and emits it.

`events/apps.py` imports the modules, which connects them.
"""
