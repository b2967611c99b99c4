/** What no test can notice, or none needs to, in `shared/attestation/`. */
import type { Explained } from './explanation.ts';

export const ATTESTATION: Explained = {
  'shared/attestation/aws/caller-identity.ts': [
    {
      line: "const header = headers.get('retry-after') ?? '';",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a number',
    },
  ],
  'shared/attestation/aws/sts-authorization.ts': [
    {
      line: "const found = FORM.exec(header ?? '')?.groups;",
      becomes: ['"Stryker was here!"'],
      why: 'neither text has the form',
    },
  ],
  'shared/attestation/aws/sts-message.ts': [
    {
      line: "if (end < 0) throw malformed('expected an empty line after the headers');",
      becomes: ['end <= 0'],
      why: 'what begins with an empty line has no first line either',
    },
  ],
  'shared/attestation/aws/sts-request.ts': [
    {
      line: "const endpoint = STS_ENDPOINTS.get(headers.get('host') ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a host of STS',
    },
    {
      line: "const signedAt = checkTimes(headers.get('x-amz-date') ?? '', date, at);",
      becomes: ['"Stryker was here!"'],
      why: 'it is among the headers that are needed: the default is for the type',
    },
    {
      line: "headers.set('authorization', authorization ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'a request without it was refused before: the default is for the type',
    },
    {
      line: 'const [, y, mo, d, h, mi, s] = AMZ_DATE.exec(amzDate) ?? [];',
      becomes: ['["Stryker was here"]'],
      why: 'it has the form, or was refused before: the default is for the type',
    },
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: 'if (!KNOWN_HEADERS[name]?.(value)) throw malformed(`the header ${name} has another value`);',
      becomes: ['KNOWN_HEADERS[name](value)'],
      why: 'the line before has looked: the question mark is for the type',
    },
    {
      line: 'age > 0',
      becomes: ['age >= 0'],
      why: 'what was signed just now is in time',
    },
  ],
  'shared/attestation/azure/attested-document.ts': [
    {
      line: 'if (error instanceof DerError)',
      becomes: ['true'],
      why: 'reading a certificate throws nothing else',
    },
  ],
  'shared/attestation/azure/certificate-path.ts': [
    {
      line: 'const { isKnownSignature = () => false } = options;',
      becomes: ['() => undefined'],
      why: 'undefined is as false as false',
    },
    {
      line: 'const found = search(() => false);',
      becomes: ['() => undefined'],
      why: 'undefined is as false as false',
    },
    {
      line: '} catch {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, which is as false as false',
    },
    {
      line: 'if (basicConstraints.pathLength !== undefined && basicConstraints.pathLength < below) {',
      becomes: ['true'],
      why: 'undefined is less than no number: the comparison is for the type',
    },
  ],
  'shared/attestation/azure/directory-keys.ts': [
    {
      line: '} catch {',
      becomes: ['{}'],
      why: 'undefined is as false as false, and a function that ends gives undefined, too',
    },
    {
      line: 'entry.fetchedAt > 0 && entry.fetchedAt === entry.triedAt ? justAsked : unavailable;',
      becomes: ['true', 'entry.fetchedAt >= 0'],
      why: 'nobody tried in the first second of 1970',
    },
    {
      line: "if (!set.ok) throw new Error('the directory answered something that is no key set');",
      becomes: ['false', ';'],
      why: 'what is thrown without a value is caught as well',
    },
  ],
  'shared/attestation/azure/azure-machine-directory.ts': [
    {
      line: "const set = parseMachineId(vm.virtualMachineScaleSet?.id ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a resource id',
    },
    {
      line: "typeof status === 'number' && status < 500 && status !== THROTTLED;",
      becomes: ['true'],
      why: 'what is no number is less than none: the comparison is for the type',
    },
  ],
  'shared/attestation/azure/directory-token.ts': [
    {
      line: "if (named.some((one) => typeof one === 'string' && audiences.includes(one))) return;",
      becomes: ['true'],
      why: 'what is no text is none of the audiences: the comparison is for the type',
    },
  ],
  'shared/attestation/azure/machine-directory.ts': [
    {
      line: '...(retryAfter !== undefined && { retryAfter }),',
      becomes: ['true'],
      why: 'seconds that are undefined are as good as none',
    },
  ],
  'shared/attestation/azure/resource-id.ts': [
    {
      line: 'if (id === undefined) return undefined;',
      becomes: ['false'],
      why: 'the text "undefined" is no resource id: the line is for the type',
    },
    {
      line: 'return id !== undefined && IDENTITY.test(id) ? id : undefined;',
      becomes: ['true'],
      why: 'the text "undefined" is no resource id: the comparison is for the type',
    },
  ],
  'shared/attestation/azure/trust-anchors.ts': [
    {
      line: "Object.values(TRUST_ANCHORS).flatMap((pem) => decodePem('CERTIFICATE', pem) ?? []);",
      becomes: ['["Stryker was here"]'],
      why: 'each of them is PEM: the default is for the type',
    },
  ],
  'shared/attestation/azure/machine-binding.ts': [
    {
      line: "const named = parseIdentityId(identity.identityClaim ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a resource id',
    },
  ],
};
