"""Signs requests as AWS's own library does. Reads a list of wishes from standard input, writes a list of texts."""

import json
import os
import sys

import botocore
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

BODY = "Action=GetCallerIdentity&Version=2011-06-15"


def signed(wish):
    request = AWSRequest(
        method="POST",
        url=f"https://{wish['host']}/",
        data=BODY,
        headers={
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "X-Join-Broker-Digest": wish["digest"],
        },
    )
    credentials = Credentials(wish["access_key_id"], wish["secret"], wish.get("token"))
    SigV4Auth(credentials, "sts", wish["region"]).add_auth(request)
    lines = [f"Host: {wish['host']}"] + [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join(["POST / HTTP/1.1", *lines, "", BODY])


def hosts():
    """The hosts of STS in the partitions that the broker knows."""
    data = os.path.join(os.path.dirname(botocore.__file__), "data")
    with open(os.path.join(data, "partitions.json"), encoding="utf-8") as file:
        partitions = json.load(file)["partitions"]
    with open(os.path.join(data, "endpoints.json"), encoding="utf-8") as file:
        endpoints = json.load(file)["partitions"]
    found = {}
    for partition in partitions:
        if partition["id"] not in ("aws", "aws-cn", "aws-us-gov"):
            continue
        for region in partition["regions"]:
            if not region.endswith("-global"):
                found[f"sts.{region}.{partition['outputs']['dnsSuffix']}"] = region
    for partition in endpoints:
        if partition["partition"] not in ("aws", "aws-cn", "aws-us-gov"):
            continue
        for endpoint in partition["services"]["sts"]["endpoints"].values():
            if "hostname" in endpoint:
                found[endpoint["hostname"]] = endpoint["credentialScope"]["region"]
    return found


wishes = json.load(sys.stdin)
print(json.dumps({"version": botocore.__version__, "hosts": hosts(), "texts": [signed(w) for w in wishes]}))
