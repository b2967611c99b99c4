/** Errors as the management API answers them. */

const armErrorBody = (code: string, message: string) => ({ error: { code, message } });

export const armError = (
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response => Response.json(armErrorBody(code, message), { status, headers });

const CODES: Readonly<Record<number, readonly [code: string, message: string]>> = {
  403: ['AuthorizationFailed', 'The client does not have authorization to perform this action.'],
  404: ['ResourceNotFound', 'The resource was not found.'],
  429: ['TooManyRequests', 'The request is being throttled: try again later.'],
};

/** The body of a fault with this status. */
export function armFaultBody(status: number): unknown {
  const [code, message] = CODES[status] ?? ['InternalServerError', 'Encountered internal error.'];
  return armErrorBody(code, message);
}

export const resourceNotFound = (type: string, name: string, group: string): Response =>
  armError(
    404,
    'ResourceNotFound',
    `The Resource '${type}/${name}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  );
