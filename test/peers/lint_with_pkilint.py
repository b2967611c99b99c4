"""Lints certificates, chains and revocation lists with pkilint: JSON in on standard input, findings out as JSON."""

import base64
import contextlib
import io
import json
import pathlib
import sys
import tempfile

from pkilint.bin import lint_crl, lint_pkix_cert, lint_pkix_signer_signee_cert_chain

OPTIONS = ["--format", "JSON", "--severity", "NOTICE", "--document-format", "DER"]


def findings_of(main, arguments):
    """What one of pkilint's programs finds, as codes."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        main(["lint", *OPTIONS, *arguments])
    results = json.loads(out.getvalue())["results"]
    return [
        description["code"]
        for result in results
        for description in result["finding_descriptions"]
    ]


def lint(question, folder):
    def file(name, of):
        path = pathlib.Path(folder, name)
        path.write_bytes(base64.b64decode(question[of][name]))
        return str(path)

    certificates = {name: file(name, "certificates") for name in question["certificates"]}
    lists = {name: file(name, "lists") for name in question["lists"]}
    chain_main = lint_pkix_signer_signee_cert_chain.main
    found = [(name, findings_of(lint_pkix_cert.main, [path])) for name, path in certificates.items()]
    found += [
        (f"{issuer} > {subject}", findings_of(chain_main, [certificates[issuer], certificates[subject]]))
        for issuer, subject in question["chains"]
    ]
    # A root's list is one of authorities.
    found += [
        (name, findings_of(lint_crl.main, ["--type", "ARL" if name.startswith("root") else "CRL", "--profile", "PKIX", path]))
        for name, path in lists.items()
    ]
    return [{"of": name, "lint": code} for name, codes in found for code in codes]


with tempfile.TemporaryDirectory() as working_folder:
    json.dump(lint(json.load(sys.stdin), working_folder), sys.stdout)
