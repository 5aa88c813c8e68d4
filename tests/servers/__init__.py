"""PostgreSQL, Redis and RabbitMQ of the tests' own: free ports, loopback alone, data that is thrown away.

Each module has `program()`, which finds the server on this machine, and a context manager that runs one in a
directory and gives its URL. The machine's own servers are never used.
"""
