"""Workers that log citizens in and out until somebody kills them.

``python mortals.py URL``: test_crashes.py starts it, kills, and judges. For each line
on standard input, ``FOLDER ROUND WORKERS SEED``, it forks workers on the store at that
URL and prints their process ids; at the next line, which is empty, it waits until all
of them are dead.

A worker says in a file of its own what it will do, and again when the store has
confirmed it::

    will create 3.1.7
    did create 3.1.7 e7Zk…

What was said last and not confirmed may have happened or not; all else must be so.
"""

import logging
import os
import random
import sys
import time
from pathlib import Path

from eilogin import clock
from eilogin.errors import LoginEnded, MessageReplayed, StoreUnavailable
from eilogin.sessions import Login, Participant, Sessions, Subject
from eilogin.stores import Values, open_store

HUB = "https://inloggen.test/metadata"
HERE = "https://uwv.test/eilogin/metadata"
HOUR = 3600.0


def subject(name):
    return Subject(HUB, HERE, name)


def told_as(name, entity_id):
    return Participant(entity_id, Subject(HUB, entity_id, name), f"at{name}", 0.0)


def login(name):
    now = clock.now()
    return Login(
        subject(name), "basis", now, now + 2 * HOUR, now, session_index=f"index{name}"
    )


class Mortal:
    """One worker; ``name`` begins the names of all that it makes."""

    def __init__(self, url, file, name, chance):
        self.sessions = Sessions(open_store(url), idle=HOUR, max_session=2 * HOUR)
        self.values = Values(self.sessions.store, "proof")
        self.name = name
        self.chance = chance
        self.notes = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.count = 0
        #: Who is logged in, with her token; and what was started, with its text.
        self.tokens = {}
        self.started = {}

    def say(self, *words):
        os.write(self.notes, f"{' '.join(words)}\n".encode())

    def live(self):
        deeds = (
            *(self.create, self.create, self.renew, self.end, self.end, self.tell),
            *(self.use, self.start, self.claim, self.take),
        )
        while True:
            deed = self.chance.choice(deeds)
            try:
                deed()
            except StoreUnavailable:
                self.say("down")
                time.sleep(0.005)

    # --- logins -------------------------------------------------------------------

    def new_name(self):
        self.count += 1
        return f"{self.name}.{self.count}"

    def somebody(self):
        """Somebody who is logged in; nothing more is done with her if this fails."""
        if not self.tokens:
            return None, None
        name = self.chance.choice(list(self.tokens))
        return name, self.tokens.pop(name)

    def create(self):
        name = self.new_name()
        self.say("will create", name)
        token = self.sessions.create_login(login(name), issued=clock.now())
        self.say("did create", name, token)
        self.tokens[name] = token

    def renew(self):
        """A step-up."""
        name, token = self.somebody()
        if name is None:
            return
        self.say("will renew", name)
        now = clock.now()
        before = self.sessions.find(token)
        if before is None:
            self.say("lost", name)
            return
        try:
            token = self.sessions.create_login(before, issued=now, replaces=before)
        except LoginEnded:
            self.say("lost", name)
            return
        self.say("did renew", name, token)
        self.tokens[name] = token

    def end(self):
        name, token = self.somebody()
        if name is None:
            return
        self.say("will end", name)
        if self.chance.random() < 0.5:
            self.sessions.end_subject(subject(name), issued=clock.now())
        else:
            found = self.sessions.find(token)
            if found is None:
                self.say("lost", name)
                return
            self.sessions.end_citizen(found)
        self.say("did end", name)

    def tell(self):
        name, token = self.somebody()
        if name is None:
            return
        entity_id = f"https://stad{self.chance.randrange(3)}.test"
        self.say("will tell", name, entity_id)
        found = self.sessions.find(token)
        told = found and self.sessions.add_participant(found, told_as(name, entity_id))
        if not told:
            self.say("lost", name)
            return
        self.say("did tell", name, entity_id)
        self.tokens[name] = token

    # --- messages and logins under way --------------------------------------------

    def use(self):
        """Use a message that other workers use too."""
        self.count += 1
        key = f"{self.name.partition('.')[0]}-{self.count // 3}"
        self.say("will use", key)
        try:
            self.sessions.use_once(key, clock.now() + HOUR)
        except MessageReplayed:
            self.say("didnot use", key)
        else:
            self.say("did use", key)

    def start(self):
        name = self.new_name()
        self.say("will start", name)
        assert self.values.add(name, f"of {name}", clock.now() + HOUR, durable=False)
        self.say("did start", name)
        self.started[name] = f"of {name}"

    def claim(self):
        if self.started:
            name, text = self.started.popitem()
            self.say("will claim", name)
            done = self.values.swap(name, text, "claimed", clock.now() + HOUR)
            self.say("did claim" if done else "lost", name)

    def take(self):
        if self.started:
            name, text = self.started.popitem()
            self.say("will take", name)
            done = self.values.take(name) == text
            self.say("did take" if done else "lost", name)


def fork_workers(url, folder, number, workers, seed):
    pids = []
    for worker in range(workers):
        pid = os.fork()
        if pid == 0:
            name = f"{number}.{worker}"
            chance = random.Random(seed + worker)  # noqa: S311 - nothing secret
            Mortal(url, folder / f"notes{name}", name, chance).live()
        pids.append(pid)
    return pids


def main(url):
    # That a server does not answer is what the test is about.
    logging.getLogger("eilogin").addHandler(logging.NullHandler())
    # What is imported once need not be imported by each.
    store = open_store(url)
    store.prepare()
    store.close()
    for line in sys.stdin:
        folder, *numbers = line.split()
        pids = fork_workers(url, Path(folder), *map(int, numbers))
        print(*pids, flush=True)  # noqa: T201 - the test reads it
        sys.stdin.readline()
        for pid in pids:
            os.waitpid(pid, 0)
        print("buried", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
