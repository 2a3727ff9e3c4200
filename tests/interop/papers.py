"""Certificates, keys and requests across the border: what we issue is read and verified by others,
and a pair that another authority issued for our requests is presented.
"""

import pathlib
import subprocess

from authority import ENCRYPT, ID, SIGN

OURS = "our files, peer reads"
THEIRS = "peer's authority, our requests"


def ours_in_other_hands(trial, desk, owner):
    tongsuo, gmssl, ca = trial.tongsuo, trial.gmssl, desk.national
    folder = pathlib.Path(trial.folder)
    leaves = folder / "leaves.pem"
    leaves.write_text(first(owner.sign) + first(owner.encrypt), encoding="ascii")
    requests = {half: folder / f"ours-{half}.csr" for half in ("sign", "encrypt")}
    for half, path in requests.items():
        path.write_text(desk.command("cert", "csr", f"--{half}"), encoding="ascii")
    vouched = ["-vfyopt", ID[1]]

    def case(peer, what, words, expected):
        done = run(words)
        told = done.stdout + done.stderr
        wrong = None if done.returncode == 0 and expected in told else told
        trial.record((peer, OURS, what, "SM2"), "verified" if wrong is None else "FAILED", wrong)

    peer = "Tongsuo 8.4.0"
    for half, file in (("signing", owner.sign), ("encryption", owner.encrypt)):
        case(peer, f"{half} certificate", [tongsuo, "verify", "-CAfile", ca, file], ": OK")
    case(peer, "private key", [tongsuo, "pkey", "-in", owner.sign_key, "-check", "-noout"], "valid")
    for half, path in requests.items():
        words = [tongsuo, "req", "-config", "/dev/null", "-in", path, "-verify", "-noout", *vouched]
        case(peer, f"request for the {half} certificate", words, "verify OK")
    peer = "GmSSL 3.1.1"
    words = [gmssl, "certverify", "-double_certs", "-in", leaves, "-cacert", ca]
    case(peer, "double certificates", words, "Verification success")
    for half, path in requests.items():
        words = [gmssl, "reqparse", "-in", path]
        case(peer, f"request for the {half} certificate", words, "CertificationRequest")


def import_pair(trial, desk):
    """Both requests of the desk are answered by Tongsuo's authority; the running desk presents the
    pair to the next clients.
    """
    words = ["cert", "import"]
    for half, usage in (("sign", SIGN), ("encrypt", ENCRYPT)):
        request = desk.folder / f"{half}.csr"
        request.write_text(desk.command("cert", "csr", f"--{half}"), encoding="ascii")
        certificate = trial.authority.certify(request, usage)
        words += [f"--{half}-certificate", str(certificate)]
    desk.command(*words)


def theirs_in_our_hands(trial, desk):
    import_pair(trial, desk)
    ca, suite = trial.authority.ca, "ECC-SM2-SM4-GCM-SM3"
    row = ("Tongsuo 8.4.0", THEIRS, "TLCP", suite)
    trial.chats(row, trial.tlcp_client(desk.port, ca, suite), desk)
    suite = "TLS_SM4_GCM_SM3"
    row = ("Tongsuo 8.4.0", THEIRS, "RFC 8998", suite)
    trial.chats(row, trial.tls_client(desk.port, ca, suite), desk)


def first(path):
    """The first certificate of a file."""
    end = "-----END CERTIFICATE-----\n"
    head, found, _ = pathlib.Path(path).read_text(encoding="ascii").partition(end)
    return head + found


def run(words):
    words = [str(word) for word in words]
    return subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
