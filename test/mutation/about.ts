/**
 * Which tests are about a file of the agent beside its own, by their names in `test/agent`. All tests of its folder take
 * seconds for each change; a file that isn't here and has no test of its own is shown to all of them.
 */
const AGENT: Readonly<Record<string, readonly string[]>> = {
  addresses: ['config-file'],
  'asked-file': ['configure', 'systemd/install'],
  'aws/container-credentials': ['aws/evidence'],
  'aws/credentials-answer': ['aws/evidence'],
  'aws/environment-credentials': ['aws/evidence'],
  'aws/find-credentials': ['aws/evidence'],
  'aws/gather-evidence': ['aws/join', 'aws/evidence'],
  'aws/instance-credentials': ['aws/evidence'],
  'aws/metadata-http': ['aws/evidence'],
  'aws/signature': ['aws/evidence'],
  'azure-evidence': ['join', 'metadata-service', 'issuing-certificates'],
  'azure-machine': ['metadata-service'],
  'broker-signature': ['trust-bundle', 'revocation/accept-lists'],
  'config-document/fields': ['config-document/json-schema'],
  'config-forms': ['config-file', 'config-document/json-schema'],
  'config-schema': ['config-file', 'config-document/json-schema'],
  destinations: [
    'revocation/lists',
    'outputs/kubernetes-secret',
    'outputs/reload',
    'agent',
    'host',
    'workload-api/server',
  ],
  'doctor/broker-checks': ['doctor/doctor'],
  'doctor/directory-checks': ['doctor/doctor'],
  'doctor/evidence-checks': ['doctor/doctor'],
  failure: ['durable-file', 'join-token', 'config-file'],
  health: ['readiness'],
  'host-files': ['identity-files', 'host'],
  'identity-directory': ['identity-files', 'host'],
  'issuing-certificates': ['known-issuers'],
  join: ['agent', 'surviving'],
  'join-answer': ['host'],
  'join-methods': ['start-settings', 'join', 'aws/join', 'token/join-by-secret'],
  joinbot: ['agent', 'status', 'wait', 'configure', 'host', 'heartbeat'],
  kubernetes: ['outputs/kubernetes-secret'],
  'network-http': ['http'],
  options: ['command-line'],
  'outputs/application': ['outputs/outputs'],
  'outputs/database': ['outputs/outputs'],
  'outputs/identity': ['outputs/outputs'],
  'outputs/key-text': ['outputs/outputs'],
  'outputs/output': ['outputs/formats'],
  'outputs/pkcs12-fields': ['outputs/outputs'],
  'outputs/revocation-field': ['outputs/outputs'],
  'outputs/spiffe': ['outputs/outputs'],
  'outputs/ssh-host': ['outputs/outputs'],
  'outputs/tls': ['outputs/outputs'],
  'outputs/tool-files': ['outputs/outputs'],
  printable: ['broker', 'addresses', 'start-settings', 'diagnostics'],
  'retry-after': ['schedule', 'broker'],
  'revocation/list-places': ['outputs/kubernetes-secret'],
  settings: ['start-settings', 'due-outputs', 'teleport-yaml'],
  'ssh-certificate': ['issued-certificate', 'host'],
  'sshd/snippet': ['sshd/sshd-program'],
  'systemd/unit': ['systemd/install', 'systemd/shipped-units'],
  'teleport-schema': ['teleport-yaml'],
  'token/chain': ['token/join-by-secret'],
  usage: ['command-line', 'configure'],
  'workload-api/destination': ['workload-api/server'],
  'workload-api/messages': ['workload-api/secrets', 'workload-api/server'],
  'workload-api/method': ['workload-api/secrets', 'workload-api/server'],
  'workload-api/secret-messages': ['workload-api/secrets'],
  'workload-api/secret-service': ['workload-api/secrets'],
  'workload-api/secret-stream': ['workload-api/secrets'],
  'workload-api/server': ['workload-api/secrets'],
  'workload-api/wire': ['workload-api/secrets', 'workload-api/server'],
  'written-identity': ['status'],
  'yaml-file': ['config-file', 'teleport-yaml'],
};

/** The same for the broker, by their names in `test/shared`. */
const SHARED: Readonly<Record<string, readonly string[]>> = {
  'attestation/azure/machine-directory': [
    'attestation/azure/circuit-breaker',
    'attestation/azure/guarded-machine-directory',
    'attestation/azure/machine-binding',
  ],
  'attestation/azure/remember': [
    'attestation/azure/circuit-breaker',
    'attestation/azure/guarded-machine-directory',
  ],
  'authority/count-keys': ['authority/genuine-keys'],
  'encoding/crl': ['authority/crl'],
  'encoding/signature-algorithms': ['encoding/certificate', 'encoding/certification-request'],
  'joining/methods/told-rules': ['joining/explain'],
};

export function testsAbout(file: string): readonly string[] {
  const [, part, name = ''] = /^(agent|shared)\/(.*)\.ts$/.exec(file) ?? [];
  const about = (part === 'agent' ? AGENT : SHARED)[name] ?? [];
  return about.map((test) => `test/${part}/${test}.test.ts`);
}
