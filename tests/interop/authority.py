"""An SM2 authority kept by Tongsuo's openssl command: the certificates that the peers bring along,
sound and unsound.
"""

import datetime
import os
import pathlib
import subprocess

SIGN = "digitalSignature,nonRepudiation"
ENCRYPT = "keyEncipherment,dataEncipherment,keyAgreement"
# The signer's name in the digest of every certificate (GM/T 0009 section 10).
ID = ["-sigopt", "distid:1234567812345678"]
CONFIG = """
[ca]
default_ca = authority
[authority]
dir = .
database = index
serial = serial
new_certs_dir = issued
default_md = sm3
policy = anything
unique_subject = no
copy_extensions = none
[anything]
commonName = supplied
[req]
distinguished_name = nobody
[nobody]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
keyUsage = critical,$ENV::USAGE
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = $ENV::NAMES
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def moment(days):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


class Authority:
    """In `folder`: ca.pem, and NAME.pem with NAME.key for each certificate that was issued."""

    def __init__(self, openssl, folder, name="Peer CA"):
        self.openssl, self.folder = str(openssl), pathlib.Path(folder)
        (self.folder / "issued").mkdir(parents=True)
        for file, text in (("config", CONFIG), ("index", ""), ("serial", "1000\n")):
            (self.folder / file).write_text(text, encoding="ascii")
        self.ca = self.folder / "ca.pem"
        self.key("ca")
        self.run(
            "req", "-config", "config", "-x509", "-new", "-key", "ca.key", "-sm3", *ID,
            "-subj", f"/CN={name}", "-days", "3650", "-extensions", "root", "-out", "ca.pem",
        )  # fmt: skip

    def key(self, name):
        """PKCS#8, plain."""
        curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2"]
        self.run("genpkey", *curve, "-pkeyopt", "ec_param_enc:named_curve", "-out", f"{name}.key")

    def leaf(self, name, usage, subject="localhost", days=(-1, 365)):
        self.key(name)
        request = self.path(f"{name}.csr")
        self.run(
            "req", "-config", "config", "-new", "-key", f"{name}.key", "-sm3", *ID,
            "-subj", f"/CN={subject}", "-out", request,
        )  # fmt: skip
        self.certify(request, usage, subject, days)

    def certify(self, request, usage, subject="localhost", days=(-1, 365)):
        """The certificate for a request, beside it. Valid from and until so many days from now;
        GmSSL takes none that is valid for more than ten years.
        """
        certificate = request.with_suffix(".pem")
        self.run(
            "ca", "-batch", "-notext", "-config", "config", "-in", request, "-out", certificate,
            "-cert", "ca.pem", "-keyfile", "ca.key", "-md", "sm3", *ID,
            "-startdate", moment(days[0]), "-enddate", moment(days[1]), "-extensions", "leaf",
            usage=usage, names=f"DNS:{subject},IP:127.0.0.1",
        )  # fmt: skip
        return certificate

    def pair(self, name, **more):
        """Both certificates of one subject: NAME-sign and NAME-encrypt."""
        self.leaf(f"{name}-sign", SIGN, **more)
        self.leaf(f"{name}-encrypt", ENCRYPT, **more)

    def path(self, file):
        return self.folder / file

    def run(self, *words, usage="", names=""):
        more = {"OPENSSL_CONF": "/dev/null", "USAGE": usage, "NAMES": names}
        done = subprocess.run(
            [self.openssl, *(str(word) for word in words)],
            check=False,
            cwd=self.folder,
            capture_output=True,
            text=True,
            env={**os.environ, **more},
        )
        if done.returncode != 0:
            raise RuntimeError(f"openssl {words}: {done.stderr}")
        return done.stdout
