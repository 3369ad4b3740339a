"""A process of a site that brings an answer of the hub; a test starts several.

It says "ready", waits for a line, and prints how many sessions it was given. Where it
hangs it ends after a while, and says where it was.
"""

import faulthandler
import json
import sys

from test_replay import bring, sessions_made, started_again


def brought(folder: str, name: str, told: str) -> int:
    address, cookies = json.loads(told)
    browser = started_again(folder, name).browser()
    for key, value in cookies.items():
        browser.set_cookie("stad.test", key, value)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    return len(sessions_made([bring(browser, address)]))


if __name__ == "__main__":
    faulthandler.dump_traceback_later(100, exit=True)
    print(brought(*sys.argv[1:]))  # noqa: T201 - the test reads it
