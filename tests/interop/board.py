"""A binary for another processor, run by an emulator: its self-test, and a whole chat of a visitor
over WebSocket with an agent who signs in and answers.

usage: board.py BINARY [EMULATOR WORD...]
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import chat
from desk import PASSWORD, Desk, Tally, environment

PATIENCE_S = 60
ALGORITHMS = "SM3, HMAC-SM3, SM4, SM4-CBC, SM4-GCM, SM4-CCM, SM2; SM4 kernel "
INBOX, ONLINE = 3, 3
QUESTION, ANSWER = "Do you ship to 喀什?", "We do, from Monday on. 周一起可以。"


class Wire:
    """A plain TCP stream to the desk, which loopback may."""

    # Any frame will do.
    suits = None

    def __init__(self, port):
        self.stream = socket.create_connection(("127.0.0.1", port), PATIENCE_S)

    def send(self, data):
        self.stream.sendall(data)

    def receive(self):
        data = self.stream.recv(65536)
        if not data:
            raise chat.Wrong("the desk closed the connection")
        return data


class Agent:
    """The owner, over HTTP with a cookie."""

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}"
        self.cookie = ""
        body = json.dumps({"login": "owner", "password": PASSWORD}).encode()
        answer = self.ask("/v1/sign-in", body, "application/json")
        self.cookie = answer.headers["set-cookie"].split(";")[0]
        self.number = json.load(answer)["agent"]["id"]

    def ask(self, path, body=None, kind="application/x-protobuf"):
        headers = {"cookie": self.cookie, "content-type": kind} if body else {"cookie": self.cookie}
        request = urllib.request.Request(self.address + path, body, headers)
        return urllib.request.urlopen(request, timeout=PATIENCE_S)

    def put(self, frame):
        """A ClientFrame; the ServerFrames that answer it."""
        answer = self.ask("/v1/frames", chat.field(1, frame)).read()
        return [chat.fields(said) for said in chat.fields(answer).get(2, [])]

    def be_online(self):
        self.put(chat.field(8, chat.field(1, ONLINE)))
        self.ask(f"/v1/feed?kind={INBOX}&number={self.number}").read()

    def is_given(self, conversation):
        end = time.monotonic() + PATIENCE_S
        while json.load(self.ask(f"/v1/conversations/{conversation.hex()}")).get("agent") is None:
            if time.monotonic() > end:
                raise chat.Wrong("nobody was given the conversation")
            time.sleep(0.1)

    def answer(self, conversation, text):
        said = self.put(chat.submit(conversation, chat.message_key(), text))
        if not said or 5 not in said[0]:
            raise chat.Wrong(f"no ack for the answer: {said}")


def self_test(binary, runner):
    done = subprocess.run(
        [*runner, binary, "doctor", "--data", "/nonexistent"],
        capture_output=True,
        text=True,
        env=environment(),
    )
    print(f"   {done.stdout.splitlines()[:1]}", flush=True)
    if not done.stdout.startswith(ALGORITHMS):
        return done.stdout + done.stderr
    return None


def talk(binary, runner):
    with Desk(binary, runner=runner) as desk:
        visitor, agent = chat.Chat(Wire(desk.port), desk.inbox_key), Agent(desk.port)
        agent.be_online()
        visitor.begin()
        visitor.say(QUESTION)
        agent.is_given(visitor.conversation)
        agent.answer(visitor.conversation, ANSWER)
        visitor.put(chat.follow(visitor.conversation))
        visitor.until(lambda said: any(ANSWER.encode() in entry for entry in visitor.delivered))
        # What was acknowledged is there after a kill, too.
        desk.server.kill()
        desk.server.wait()
        desk.start()
        page = json.dumps(json.load(Agent(desk.port).ask("/v1/conversations?view=all")))
        if visitor.conversation.hex() not in page:
            raise chat.Wrong(f"the conversation is gone: {page}")


def attempt(run, *words):
    try:
        return run(*words)
    except Exception as wrong:
        return repr(wrong)


def main():
    binary, *runner = sys.argv[1:]
    binary = os.path.abspath(binary)
    tally = Tally("board " + " ".join(runner))
    tally.case("self-test", attempt(self_test, binary, runner))
    tally.case("chat", attempt(talk, binary, runner))
    sys.exit(tally.end())


if __name__ == "__main__":
    main()
