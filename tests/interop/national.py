"""The national channels with other people's programs at the other end: a whole chat over each, and
what must not come about. Leaves a table in target/interop/national.md and .json.

usage: national.py BINARY TONGSUO GMSSL [--verbose]

POSTHOUSE_PIPE names our client between standard input and output, the example national_pipe.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import chat
import papers
from authority import ENCRYPT, SIGN, Authority
from desk import ROOT, Desk, Tally, loud
from gateway import Gateway
from wires import Closed, GmSsl, Program

TLCP = ["ECC-SM2-SM4-GCM-SM3", "ECC-SM2-SM4-CBC-SM3"]
TLCP_MUTUAL = ["ECDHE-SM2-SM4-GCM-SM3", "ECDHE-SM2-SM4-CBC-SM3"]
RFC8998 = ["TLS_SM4_GCM_SM3", "TLS_SM4_CCM_SM3"]
# What a peer says of our alerts.
HANDSHAKE_FAILURE, UNKNOWN_CA = "alert number 40", "alert number 48"
# A document of some records' length, the same for everybody.
DOCUMENT = "/v1/openapi.json"


class Files:
    """A holder's certificates and keys: of TLCP both pairs, of TLS the signing one."""

    def __init__(self, sign, sign_key, encrypt, encrypt_key):
        self.sign, self.sign_key, self.encrypt, self.encrypt_key = (
            sign,
            sign_key,
            encrypt,
            encrypt_key,
        )

    @staticmethod
    def of(authority, name, sign="sign", encrypt="encrypt"):
        paths = [
            authority.path(f"{name}-{half}.{end}")
            for half in (sign, encrypt)
            for end in ("pem", "key")
        ]
        return Files(*paths)

    def tlcp(self):
        """As options of Tongsuo."""
        return ["-sign_cert", self.sign, "-sign_key", self.sign_key,
                "-enc_cert", self.encrypt, "-enc_key", self.encrypt_key]  # fmt: skip

    def tls(self):
        return ["-cert", self.sign, "-key", self.sign_key]


class Trial:
    """What all cases share."""

    def __init__(self, binary, tongsuo, gmssl):
        self.binary, self.tongsuo, self.gmssl = binary, tongsuo, gmssl
        pipe = ROOT / "target/debug/examples/national_pipe"
        self.pipe = os.environ.get("POSTHOUSE_PIPE") or pipe
        self.folder = tempfile.mkdtemp(prefix="national.", dir=ROOT / "target/interop")
        self.tally = Tally("national", loud())
        self.rows = []
        self.authority = Authority(tongsuo, f"{self.folder}/peers")
        self.stranger = Authority(tongsuo, f"{self.folder}/strangers", "Stranger CA")
        for name in ("server", "client"):
            self.authority.pair(name)
            self.stranger.pair(name)
        self.authority.leaf("server-old", SIGN, days=(-20, -10))
        self.authority.leaf("server-old-encrypt", ENCRYPT, days=(-20, -10))
        self.server = Files.of(self.authority, "server")
        self.client = Files.of(self.authority, "client")

    # ---- commands of the clients ------------------------------------------------------------------

    def tlcp_client(self, port, ca, suite, own=None, name="localhost"):
        return [
            self.tongsuo, "s_client", "-quiet", "-connect", f"127.0.0.1:{port}", "-enable_ntls",
            "-ntls", "-cipher", suite, "-CAfile", ca, "-verify_return_error", "-servername", name,
            "-verify_hostname", name, *(own.tlcp() if own else []),
        ]  # fmt: skip

    def tls_client(self, port, ca, suite, own=None, name="localhost", groups="SM2"):
        return [
            self.tongsuo, "s_client", "-quiet", "-connect", f"127.0.0.1:{port}", "-tls1_3",
            "-ciphersuites", suite, "-groups", groups, "-CAfile", ca, "-verify_return_error",
            "-servername", name, "-verify_hostname", name, *(own.tls() if own else []),
        ]  # fmt: skip

    def gmssl_client(self, port, ca):
        return [self.gmssl, "tlcp_client", "-host", "127.0.0.1", "-port", port, "-cacert", ca]

    def own_client(self, protocol, port, ca, own=None, name="localhost"):
        files = []
        if own and protocol == "tlcp":
            files = [own.sign, own.sign_key, own.encrypt, own.encrypt_key]
        elif own:
            files = [own.sign, own.sign_key]
        # Tongsuo up to 8.4 reads the client's ephemeral key without the length before it.
        bare = ["env", "BARE_ECDHE=1"] if protocol == "tlcp" else []
        return [*bare, self.pipe, protocol, f"127.0.0.1:{port}", name, ca, *files]

    # ---- one case ---------------------------------------------------------------------------------

    def chats(self, row, command, desk, wire=Program):
        """A document, byte for byte, and a chat must go through."""
        wrong = None
        try:
            with wire(command, self.folder) as client:
                visitor = chat.Chat(client, desk.inbox_key)
                # GmSSL's client takes short lines of text and no more.
                if wire is Program and visitor.fetch(DOCUMENT) != desk.get(DOCUMENT):
                    raise chat.Wrong("the document came out changed")
                visitor.converse(large=wire is Program)
        except (chat.Wrong, Closed) as fault:
            wrong = f"{type(fault).__name__} {fault}"
        self.record(row, "chat" if wrong is None else "FAILED", wrong)

    def refused(self, row, command, desk, because=None):
        """No byte of an answer may come; `because` must be in what the client says."""
        wrong = None
        try:
            with Program(command, self.folder) as client:
                chat.Chat(client, desk.inbox_key).fetch("/healthz")
            wrong = "it was served"
        except chat.Wrong as fault:
            wrong = f"it was answered: {fault}"
        except Closed as fault:
            if because and because not in str(fault):
                wrong = f"refused, but not with {because!r}: {fault}"
        self.record(row, "refused" if wrong is None else "FAILED", wrong)

    def record(self, row, result, wrong):
        peer, direction, protocol, suite = row
        self.rows.append(
            {
                "peer": peer,
                "direction": direction,
                "protocol": protocol,
                "suite": suite,
                "result": result,
            }
        )
        self.tally.case(" / ".join(row), wrong)

    def write(self):
        """Every case as JSON; as Markdown a line for all that went alike between two ends."""
        head = ["peer", "direction", "protocol", "result"]
        alike = {}
        for row in self.rows:
            alike.setdefault(tuple(row[name] for name in head), []).append(row["suite"])
        lines = ["| peer | direction | protocol | result | what |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(key)} | {', '.join(what)} |" for key, what in alike.items()]
        out = ROOT / "target/interop"
        (out / "national.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        text = json.dumps(self.rows, indent=1, ensure_ascii=False)
        (out / "national.json").write_text(text + "\n", encoding="utf-8")


# ---- our server -----------------------------------------------------------------------------------

TO_US = "peer's client, our server"
FROM_US = "our client, peer's server"
AMONG = "peer's client, peer's server"


def settings(profile, families, certificates="optional"):
    return (
        f"crypto:\n  profile: {profile}\n"
        f"tls:\n  families: [{', '.join(families)}]\n  client_certificates: {certificates}\n"
    )


class NationalDesk(Desk):
    """A desk with its national authority as `national`, and certificates of its owner."""

    def __init__(self, binary, text):
        super().__init__(binary, text)
        self.national = self.folder / "national-ca.pem"
        self.national.write_text(self.command("cert", "ca", "export", "--world", "national"))

    def owner(self):
        out = self.folder / "owner"
        made = json.loads(
            self.command("cert", "issue", "--agent", "owner", "--out", str(out), "--json")
        )
        return Files(*pick(made["files"]))


def pick(files):
    """Signing certificate and key, encryption certificate and key, by their names."""

    def one(*words):
        (found,) = [
            file for file in files if all(word in pathlib.Path(file).name for word in words)
        ]
        return found

    return [one(half, end) for half in ("sign", "encrypt") for end in (".pem", ".key")]


def to_our_server(trial):
    peer = "Tongsuo 8.4.0"
    with NationalDesk(trial.binary, settings("both", ["international", "rfc8998", "tlcp"])) as desk:
        ca, port, owner = desk.national, desk.port, desk.owner()
        for suite in TLCP:
            trial.chats((peer, TO_US, "TLCP", suite), trial.tlcp_client(port, ca, suite), desk)
        for suite in TLCP + TLCP_MUTUAL:
            row = (peer, TO_US, "TLCP, client certificates", suite)
            trial.chats(row, trial.tlcp_client(port, ca, suite, owner), desk)
        for suite in RFC8998:
            trial.chats((peer, TO_US, "RFC 8998", suite), trial.tls_client(port, ca, suite), desk)
            row = (peer, TO_US, "RFC 8998, client certificate", suite)
            trial.chats(row, trial.tls_client(port, ca, suite, owner), desk)
        for version in ("1.2", "1.3"):
            row = ("OpenSSL", TO_US, f"TLS {version}", "any")
            trial.chats(row, international(desk, version), desk)
        resumes(trial, desk)
        turned_away(trial, desk)
        papers.ours_in_other_hands(trial, desk, owner)
        papers.theirs_in_our_hands(trial, desk)


def unasked(trial):
    """GmSSL's client gives up when it is asked for a certificate and has none."""
    with NationalDesk(trial.binary, settings("national", ["tlcp"], "off")) as desk:
        row = ("GmSSL 3.1.1", TO_US, "TLCP", TLCP[1])
        trial.chats(row, trial.gmssl_client(desk.port, desk.national), desk, GmSsl)
        row = ("GmSSL 3.1.1", TO_US, "TLCP", "authority unknown to the client")
        trial.refused(row, trial.gmssl_client(desk.port, trial.stranger.ca), desk)
        papers.import_pair(trial, desk)
        row = ("GmSSL 3.1.1", TO_US, "TLCP, imported pair", TLCP[1])
        trial.chats(row, trial.gmssl_client(desk.port, trial.authority.ca), desk, GmSsl)
        row = ("Tongsuo 8.4.0", TO_US, "TLCP", "ECDHE where no certificate is asked for")
        command = trial.tlcp_client(desk.port, trial.authority.ca, TLCP_MUTUAL[0], trial.client)
        trial.refused(row, command, desk, HANDSHAKE_FAILURE)


def international(desk, version):
    return [
        "openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{desk.port}", "-CAfile", desk.ca,
        "-verify_return_error", "-verify_hostname", "localhost", "-servername", "localhost",
        f"-tls{version.replace('.', '_')}",
    ]  # fmt: skip


def resumes(trial, desk):
    """The second connection takes up the session of the first."""
    session = f"{trial.folder}/session"
    for protocol, suite, client in [
        ("TLCP", TLCP[0], trial.tlcp_client),
        ("RFC 8998", RFC8998[0], trial.tls_client),
    ]:
        command = client(desk.port, desk.national, suite)
        asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        told = []
        for flag in ("-sess_out", "-sess_in"):
            words = [str(word) for word in command if word != "-quiet"] + [
                "-ign_eof",
                flag,
                session,
            ]
            done = subprocess.run(words, check=False, input=asked, capture_output=True, timeout=20)
            told.append(done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace"))
        row = ("Tongsuo 8.4.0", TO_US, f"{protocol}, resumed", suite)
        fine = "\nNew, " in told[0] and "\nReused, " in told[1] and "200 OK" in told[1]
        trial.record(row, "resumed" if fine else "FAILED", None if fine else told[1][-2000:])


def turned_away(trial, desk):
    peer, port, suite = "Tongsuo 8.4.0", desk.port, TLCP[0]
    row = lambda what: (peer, TO_US, "TLCP", what)
    strange = Files.of(trial.stranger, "client")
    foreign = trial.tlcp_client(port, trial.authority.ca, suite)
    trial.refused(
        row("authority unknown to the client"), foreign, desk, "certificate verify failed"
    )
    other = trial.tlcp_client(port, desk.national, suite, name="elsewhere.example")
    trial.refused(row("another name than the certificate's"), other, desk, "verify failed")
    shown = trial.tlcp_client(port, desk.national, TLCP_MUTUAL[0], strange)
    trial.refused(row("client certificates of a stranger"), shown, desk, UNKNOWN_CA)
    shown = trial.tls_client(port, desk.national, RFC8998[0], strange)
    row = lambda what: (peer, TO_US, "RFC 8998", what)
    trial.refused(row("client certificate of a stranger"), shown, desk, UNKNOWN_CA)
    mixed = trial.tls_client(port, desk.national, RFC8998[0], groups="X25519:P-256")
    trial.refused(row("SM4 with X25519 or P-256"), mixed, desk, HANDSHAKE_FAILURE)
    rsa = trial.tlcp_client(port, desk.national, "RSA-SM4-GCM-SM3")
    trial.refused((peer, TO_US, "TLCP", "RSA suites only"), rsa, desk, HANDSHAKE_FAILURE)


def forbidden(trial):
    """A listener speaks the families that its settings name and no other."""
    for profile, families in [
        ("both", ["tlcp"]),
        ("both", ["rfc8998"]),
        ("national", ["rfc8998", "tlcp"]),
    ]:
        with NationalDesk(trial.binary, settings(profile, families, "off")) as desk:
            tlcp = trial.tlcp_client(desk.port, desk.national, TLCP[0])
            rfc8998 = trial.tls_client(desk.port, desk.national, RFC8998[0])
            for family, label, peer, command in [
                ("tlcp", "TLCP", "Tongsuo 8.4.0", tlcp),
                ("rfc8998", "RFC 8998", "Tongsuo 8.4.0", rfc8998),
                ("international", "TLS 1.3", "OpenSSL", international(desk, "1.3")),
                ("international", "TLS 1.2", "OpenSSL", international(desk, "1.2")),
            ]:
                row = (peer, TO_US, label, f"where only {' and '.join(families)} may be spoken")
                if family in families:
                    trial.chats(row, command, desk)
                else:
                    trial.refused(row, command, desk, HANDSHAKE_FAILURE)


# ---- our client, and the peers among themselves ---------------------------------------------------


def tlcp_server(suite, files, ca=None):
    asked = ["-Verify", "3", "-verify_return_error", "-CAfile", ca] if ca else []
    return ["-enable_ntls", "-ntls", "-cipher", suite, *files.tlcp(), *asked]


def tls_server(suite, files, ca=None):
    asked = ["-Verify", "3", "-verify_return_error", "-CAfile", ca] if ca else []
    return ["-tls1_3", "-ciphersuites", suite, "-groups", "SM2", *files.tls(), *asked]


def from_our_client(trial, desk):
    peer, ca, files = "Tongsuo 8.4.0", trial.authority.ca, trial.server

    def case(row, words, client):
        with Gateway(trial.tongsuo, words, desk, trial.folder) as gateway:
            trial.chats((peer, FROM_US, *row), client(gateway.port), desk)

    def never(row, words, client, because):
        with Gateway(trial.tongsuo, words, desk, trial.folder) as gateway:
            trial.refused((peer, FROM_US, *row), client(gateway.port), desk, because)

    def ours(protocol, own=None, ca=ca, **more):
        return lambda port: trial.own_client(protocol, port, ca, own, **more)

    for suite in TLCP:
        case(("TLCP", suite), tlcp_server(suite, files), ours("tlcp"))
    for suite in TLCP + TLCP_MUTUAL:
        row = ("TLCP, client certificates", suite)
        case(row, tlcp_server(suite, files, ca), ours("tlcp", trial.client))
    for suite in RFC8998:
        case(("RFC 8998", suite), tls_server(suite, files), ours("tls13"))
        row = ("RFC 8998, client certificate", suite)
        case(row, tls_server(suite, files, ca), ours("tls13", trial.client))

    halves = (".pem", ".key", "-encrypt.pem", "-encrypt.key")
    old = Files(*[trial.authority.path(f"server-old{end}") for end in halves])
    strange, elsewhere = trial.stranger.ca, "elsewhere.example"
    for label, protocol, server, suite, unknown, other in [
        ("TLCP", "tlcp", tlcp_server, TLCP[0], "UnknownCa", "other names"),
        ("RFC 8998", "tls13", tls_server, RFC8998[0], "UnknownIssuer", "NotValidForName"),
    ]:
        sound = server(suite, files)
        never((label, "unknown authority"), sound, ours(protocol, ca=strange), unknown)
        never((label, "another name"), sound, ours(protocol, name=elsewhere), other)
        expired = server(suite, old)
        never((label, "expired certificate"), expired, ours(protocol), "Expired")


def among_peers(trial, desk):
    """The same chats without us: what this harness asks, others can do."""
    peer, ca, files = "Tongsuo 8.4.0", trial.authority.ca, trial.server

    def case(row, words, client, wire=Program):
        with Gateway(trial.tongsuo, words, desk, trial.folder) as gateway:
            trial.chats(row, client(gateway.port), desk, wire)

    for suite in TLCP:
        row = (peer, AMONG, "TLCP", suite)
        case(row, tlcp_server(suite, files), lambda port: trial.tlcp_client(port, ca, suite))
    for suite in TLCP_MUTUAL:
        row = (peer, AMONG, "TLCP, client certificates", suite)
        client = lambda port: trial.tlcp_client(port, ca, suite, trial.client)
        case(row, tlcp_server(suite, files, ca), client)
    for suite in RFC8998:
        row = (peer, AMONG, "RFC 8998", suite)
        case(row, tls_server(suite, files), lambda port: trial.tls_client(port, ca, suite))
    row = ("GmSSL 3.1.1", AMONG, "TLCP", TLCP[1])
    case(row, tlcp_server(TLCP[1], files), lambda port: trial.gmssl_client(port, ca), GmSsl)


def main():
    trial = Trial(*sys.argv[1:4])
    with Desk(trial.binary) as desk:
        among_peers(trial, desk)
        from_our_client(trial, desk)
    to_our_server(trial)
    unasked(trial)
    forbidden(trial)
    trial.write()
    status = trial.tally.end()
    if status == 0:
        shutil.rmtree(trial.folder)
    return status


if __name__ == "__main__":
    sys.exit(main())
