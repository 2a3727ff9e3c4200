"""Autobahn's WebSocket cases against `posthouse ws-echo`: the listener, limits and WebSocket of the
product. Every case must be OK in the strict sense; NON-STRICT is a failure here.

usage: autobahn.py BINARY REPORT_FOLDER
"""

import asyncio
import collections
import json
import shutil
import subprocess
import sys

import kosoku
from kosoku._report import write_reports

# The suite sends messages of up to 16 MiB; the product's own limit is 64 KiB.
MESSAGE_BYTES = 16 * 1024 * 1024
# Cases of the extension permessage-deflate, which is not offered: frames are small and binary, and
# a compression window would cost each connection hundreds of KiB.
NOT_OFFERED = ("12.*", "13.*")
# Cases that observe and do not judge.
INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}
# How many cases the suite has without the extension; fewer means that some did not run.
CASES = 301


async def run(address):
    try:
        return await kosoku.run_fuzzingclient(
            f"ws://{address}/", None, list(NOT_OFFERED), concurrency=2
        )
    except kosoku.FailureError as failure:
        return failure.results


def main():
    binary, reports = sys.argv[1:]
    echo = subprocess.Popen(
        [binary, "ws-echo", "--listen", "127.0.0.1:0", "--message-bytes", str(MESSAGE_BYTES)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = echo.stdout.readline().strip()
        results = asyncio.run(run(address))
        alive = echo.poll() is None
    finally:
        echo.kill()
        echo.wait()
    shutil.rmtree(reports, ignore_errors=True)
    write_reports(results, reports)
    return judge(reports, alive)


def judge(reports, alive):
    with open(f"{reports}/index.json", encoding="utf-8") as index:
        (cases,) = json.load(index).values()
    count = collections.Counter()
    wrong = []
    for case, result in sorted(cases.items()):
        behaviors = {result["behavior"], result["behaviorClose"]}
        count[result["behavior"]] += 1
        allowed = {"OK", "INFORMATIONAL"} if case in INFORMATIONAL else {"OK"}
        if not behaviors <= allowed:
            wrong.append(f"{case}: {result['behavior']}, close {result['behaviorClose']}")
    print("autobahn:", ", ".join(f"{number} {name}" for name, number in count.most_common()))
    for line in wrong:
        print("  ", line)
    if len(cases) != CASES:
        print(f"   {len(cases)} cases ran, {CASES} were expected")
    if not alive:
        print("   the server ended during the run")
    return 1 if wrong or len(cases) != CASES or not alive else 0


if __name__ == "__main__":
    sys.exit(main())
