"""Signs in with paramiko: host, login, private key (its certificate lies beside it), the host's key, the server's command."""
import sys

import paramiko

host, login, key, host_key, server = sys.argv[1:]
client = paramiko.SSHClient()
kind, blob = open(host_key).read().split()[:2]
entry = paramiko.hostkeys.HostKeyEntry.from_line(f"{host} {kind} {blob}")
client.get_host_keys().add(host, kind, entry.key)
client.set_missing_host_key_policy(paramiko.RejectPolicy())
client.connect(
    host,
    username=login,
    key_filename=key,
    allow_agent=False,
    look_for_keys=False,
    sock=paramiko.ProxyCommand(server),
    timeout=20,
)
_, output, _ = client.exec_command("true")
sys.stdout.write(output.read().decode())
client.close()
