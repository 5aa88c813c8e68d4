"""`make run`: the whole service for development, in one terminal, until Ctrl-C."""
