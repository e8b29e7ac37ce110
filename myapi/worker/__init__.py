"""The worker of Gunicorn that serves the app; `gunicorn.conf.py` names it.

Gunicorn's own gthread hands each request from its main thread to another one, and back. In Python
that costs more than most requests do: each hand-over wakes a thread, and then both want the
interpreter. Here one thread at a time has the turn: it waits for connections and answers what has
come, one request after the other. Before it waits for somebody else, such as WeChat, it passes
the turn on. And no client keeps a thread waiting: what has not come whole stays in the loop.

    worker      the process, as Gunicorn knows it
    turns       which thread has the turn
    loop        what who has the turn does: see what has come, have it answered in its order
    clients     connections: taken, listened to or not, sent away when too slow
    connection  one client, and what has come of its request
    exchange    a request and its answer
    plain       requests of the usual form, read at once
    unusual     all others, which Gunicorn reads
    answer      what the app answers, in one piece
"""

from myapi.worker.worker import Worker

__all__ = ["Worker"]
