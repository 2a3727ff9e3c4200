"""International TLS of the real binary, as sslyze, the openssl command and curl see it.

usage: tls.py BINARY REPORT.json [--verbose]
"""

import json
import pathlib
import subprocess
import sys

from desk import Desk, Tally, free_port, loud, wait_for

SCANS = (
    "sslv2 sslv3 tlsv1 tlsv1_1 tlsv1_2 tlsv1_3 certinfo heartbleed openssl_ccs robot reneg"
    " compression early_data fallback elliptic_curves ems"
).split()
# RFC 9325 section 4.2: ephemeral keys and AEAD only.
SUITES_1_2 = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
}
SUITES_1_3 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
GROUPS = {"X25519", "secp256r1", "secp384r1"}


def scan(port, authority, report):
    """sslyze in a process of its own; its JSON, read as it stands."""
    pathlib.Path(report).parent.mkdir(parents=True, exist_ok=True)
    words = ["--quiet", "--mozilla_config", "disable", "--json_out", report]
    words += ["--certinfo_ca_file", authority, *(f"--{name}" for name in SCANS)]
    # As a module: its script names the folder that it was installed in, which may have moved.
    sslyze = [sys.executable, "-m", "sslyze"]
    done = run([*sslyze, *words, f"localhost:{port}:127.0.0.1"])
    with open(report, encoding="utf-8") as text:
        (server,) = json.load(text)["server_scan_results"]
    if done.returncode != 0 or server["scan_status"] != "COMPLETED":
        raise RuntimeError(done.stdout + done.stderr)
    return server["scan_result"]


def findings(results):
    """(what must hold, what is wrong or None) for each scan."""

    def result(name):
        return results[name]["result"] or {}

    def says(name, field, wanted):
        found = result(name).get(field)
        return None if found == wanted else f"{field} is {found}"

    def suites(version, allowed):
        accepted = {
            entry["cipher_suite"]["name"]
            for entry in result(f"{version}_cipher_suites")["accepted_cipher_suites"]
        }
        return None if accepted and accepted <= allowed else f"accepted {sorted(accepted)}"

    # A scan that failed must not pass for one that found nothing.
    unfinished = [
        name
        for name, of in results.items()
        if of["status"] != "COMPLETED" and name not in ("http_headers", "session_resumption")
    ]
    yield "every scan ran", unfinished or None
    for old in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"):
        wrong = says(f"{old}_cipher_suites", "is_tls_version_supported", False)
        yield f"{old} is refused", wrong
    yield "TLS 1.2 suites are ephemeral and authenticated", suites("tls_1_2", SUITES_1_2)
    yield "TLS 1.3 suites", suites("tls_1_3", SUITES_1_3)
    groups = {curve["name"] for curve in result("elliptic_curves")["supported_curves"]}
    yield "key exchange groups", None if groups == GROUPS else sorted(groups)
    yield "no compression", says("tls_compression", "supports_compression", False)
    yield "no early data", says("tls_1_3_early_data", "supports_early_data", False)
    yield "no CCS injection", says("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", False)
    yield "no Heartbleed", says("heartbleed", "is_vulnerable_to_heartbleed", False)
    yield "no ROBOT", says("robot", "robot_result", "NOT_VULNERABLE_RSA_NOT_SUPPORTED")
    yield "downgrades are signalled", says("tls_fallback_scsv", "supports_fallback_scsv", True)
    name = "session_renegotiation"
    yield "renegotiation is secure", says(name, "supports_secure_renegotiation", True)
    yield "no renegotiation", says(name, "is_vulnerable_to_client_renegotiation_dos", False)
    extended = says("tls_extended_master_secret", "supports_ems_extension", True)
    yield "extended master secret", extended
    yield "the chain is trusted by the site's authority", untrusted(result("certificate_info"))


def untrusted(info):
    wrong = []
    for deployment in info["certificate_deployments"]:
        own = [
            path
            for path in deployment["path_validation_results"]
            if path["trust_store"]["name"].startswith("Supplied")
        ]
        if not own or not all(path["was_validation_successful"] for path in own):
            wrong.append(f"path: {[path['validation_error'] for path in own]}")
        hashes = deployment["received_certificate_chain"][0]["signature_hash_algorithm"]
        if hashes["name"] not in ("sha256", "sha384"):
            wrong.append(f"signed with {hashes['name']}")
    return wrong or None


def openssl(desk, *words):
    """A GET through s_client that verifies chain and name."""
    return run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{desk.port}", "-CAfile", desk.ca]
        + ["-verify_return_error", "-verify_hostname", "localhost", "-servername", "localhost"]
        + ["-quiet", *words],
        input="GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    )


def curl(desk, *words):
    return run(
        ["curl", "-sS", "--cacert", desk.ca, "--resolve", f"localhost:{desk.port}:127.0.0.1"]
        + ["-o", "/dev/null", "-w", "%{http_code} %{http_version}", *words]
        + [f"https://localhost:{desk.port}/healthz"]
    )


def handshakes(desk, tally):
    for version in ("tls1_2", "tls1_3"):
        # -ign_eof: the end of the input is not the end of the connection.
        done = openssl(desk, f"-{version}", "-ign_eof")
        fine = done.stdout.startswith("HTTP/1.1 200")
        tally.case(f"openssl -{version}", None if fine else done.stdout + done.stderr)
    for version in ("tls1", "tls1_1"):
        done = openssl(desk, f"-{version}", "-ign_eof", "-cipher", "ALL:@SECLEVEL=0")
        fine = done.returncode != 0 and "HTTP/1.1" not in done.stdout
        tally.case(f"openssl -{version} is refused", None if fine else done.stdout)
    for version in ("1.2", "1.3"):
        for http, flag in (("1.1", "--http1.1"), ("2", "--http2")):
            done = curl(desk, f"--tlsv{version}", "--tls-max", version, flag)
            fine = done.stdout == f"200 {http}"
            tally.case(
                f"curl TLS {version} HTTP/{http}", None if fine else done.stdout + done.stderr
            )
    done = curl(desk, "--cacert", "/etc/ssl/certs/ca-certificates.crt")
    tally.case(
        "curl refuses an authority it does not know", None if done.returncode == 60 else done
    )


def control(folder, tally):
    """A server of the old kind: what is looked for above must be found in it."""
    key, certificate, port = f"{folder}/key.pem", f"{folder}/certificate.pem", free_port()
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    run([*made, "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate])
    server = subprocess.Popen(
        ["openssl", "s_server", "-quiet", "-www", "-accept", str(port), "-key", key]
        + ["-cert", certificate, "-cipher", "ALL:@SECLEVEL=0"],
        stdin=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        found = {
            what
            for what, wrong in findings(scan(port, certificate, f"{folder}/weak.json"))
            if wrong
        }
    finally:
        server.kill()
        server.wait()
    expected = {"tls_1_0 is refused", "TLS 1.2 suites are ephemeral and authenticated", "no ROBOT"}
    missed = expected - found
    tally.case("sslyze finds a weak server weak", f"missed {missed}" if missed else None)


def run(words, **more):
    words = [str(word) for word in words]
    return subprocess.run(words, check=False, capture_output=True, text=True, timeout=120, **more)


def main():
    binary, report = sys.argv[1:3]
    tally = Tally("tls", loud())
    with Desk(binary) as desk:
        for what, wrong in findings(scan(desk.port, desk.ca, report)):
            tally.case(f"sslyze: {what}", wrong)
        handshakes(desk, tally)
        control(desk.folder, tally)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
