"""Lets MongoDB's own driver connect with a bot's files to a server with a host's: the files are what mongod and mongosh read.

Usage: meet_with_pymongo.py <host's directory> <bot's directory> <host's name>. Says as JSON what each end saw.
The server answers as much of MongoDB's protocol as a driver needs to find it well: no package of MongoDB itself is to be had.
"""

import json
import socket
import ssl
import struct
import sys
import threading

import bson
from pymongo import MongoClient
from pymongo.errors import PyMongoError

host, bot, name = sys.argv[1:4]
seen = []


def receive(connection, length):
    parts = b""
    while len(parts) < length:
        part = connection.recv(length - len(parts))
        if not part:
            raise EOFError
        parts += part
    return parts


def serve(connection):
    """OP_QUERY of the first hello, OP_MSG of all others (MongoDB's "Wire Protocol")."""
    while True:
        length, request, _, opcode = struct.unpack("<iiii", receive(connection, 16))
        receive(connection, length - 16)
        answer = bson.encode(
            {"ok": 1.0, "helloOk": True, "isWritablePrimary": True, "ismaster": True, "readOnly": False,
             "minWireVersion": 0, "maxWireVersion": 25, "maxBsonObjectSize": 16777216,
             "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000}
        )
        if opcode == 2004:
            body = struct.pack("<iqii", 8, 0, 0, 1) + answer
            opcode = 1
        else:
            body = struct.pack("<iB", 0, 0) + answer
        connection.sendall(struct.pack("<iiii", 16 + len(body), 1, request, opcode) + body)


def listen(listener, context):
    while True:
        raw, _ = listener.accept()
        try:
            connection = context.wrap_socket(raw, server_side=True)
            seen.append(dict(pair[0] for pair in connection.getpeercert()["subject"])["commonName"])
            threading.Thread(target=serve, args=(connection,), daemon=True).start()
        except (OSError, EOFError):
            seen.append("nobody")


# As mongod does with certificateKeyFile and CAFile: one file for key and chain.
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{host}/mongo.crt")
context.load_verify_locations(f"{host}/mongo.cas")
context.verify_mode = ssl.CERT_REQUIRED
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
threading.Thread(target=listen, args=(listener, context), daemon=True).start()
threading.excepthook = lambda _: None

# The name is attested, and no DNS of this machine's knows it.
find = socket.getaddrinfo
socket.getaddrinfo = lambda asked, *more, **others: find("127.0.0.1", *more, **others)


def connect(server, patience, **more):
    client = MongoClient(
        server, port, tls=True, tlsCAFile=f"{bot}/mongo.cas", serverSelectionTimeoutMS=patience,
        directConnection=True, **more
    )
    try:
        return client.admin.command("ping")["ok"]
    except PyMongoError as error:
        return str(error)
    finally:
        client.close()


pair = {"tlsCertificateKeyFile": f"{bot}/mongo.crt"}
good = connect(name, 20000, **pair)
bots = sorted(set(seen))
seen.clear()
print(json.dumps({
    "good": good,
    "server_saw": bots,
    "other_name": connect(f"other.{name}", 1000, **pair),
    "without": connect(name, 1000),
    "then_saw": sorted(set(seen)),
}))
