/** Which failures of the management API concern one machine only, and which of them the caller chose. */
import { describe, expect, test } from 'vitest';
import {
  isOfResourceOnly,
  isRefusedHere,
  refusedHere,
  refusedToCaller,
  toldAgain,
  unavailableHere,
} from '../../../../shared/attestation/azure/machine-directory.ts';
import { denied, Refusal, unavailable } from '../../../../shared/refusal.ts';

const cause = new Error('403');

describe('a failure', () => {
  test.each<[string, unknown, { readonly ofResource: boolean; readonly refused: boolean }]>([
    ['of everything', unavailable('down'), { ofResource: false, refused: false }],
    ['of one thing', unavailableHere('down'), { ofResource: true, refused: false }],
    ['that says no to one question', refusedHere('no'), { ofResource: true, refused: true }],
    [
      'that the caller chose',
      refusedToCaller(refusedHere('no')),
      { ofResource: true, refused: false },
    ],
    ['that is a denial', denied('machine_not_found', 'no'), { ofResource: false, refused: false }],
    [
      'of another scope',
      Object.assign(unavailable('down'), { scope: 'subscription' }),
      { ofResource: false, refused: false },
    ],
    [
      'that is no refusal',
      Object.assign(new Error('no'), { scope: 'resource', refused: true }),
      { ofResource: false, refused: false },
    ],
    [
      'that is nothing but its marks',
      { scope: 'resource', refused: true },
      { ofResource: false, refused: false },
    ],
  ])('%s', (_, error, { ofResource, refused }) => {
    expect(isOfResourceOnly(error)).toBe(ofResource);
    expect(isRefusedHere(error)).toBe(refused);
  });

  test.each([
    ['of one thing', unavailableHere],
    ['that says no', refusedHere],
  ])('%s tells its message, its seconds and its cause', (_, make) => {
    expect(make('down', 7, cause)).toMatchObject({
      code: 'unavailable',
      message: 'down',
      retryAfter: 7,
      callersDoing: false,
      cause,
    });
    expect(make('down').retryAfter).toBe(5);
  });
});

describe('told again, with the seconds that are left,', () => {
  test.each<[string, Refusal]>([
    ['a failure of everything', unavailable('down', 60, cause)],
    ['a failure of one thing', unavailableHere('down', 60, cause)],
    ['a no', refusedHere('down', 60, cause)],
  ])('%s is what it was', (_, error) => {
    const again = toldAgain(error, 7);
    expect(again).toMatchObject({ code: 'unavailable', message: 'down', retryAfter: 7 });
    expect(isOfResourceOnly(again)).toBe(isOfResourceOnly(error));
    expect(isRefusedHere(again)).toBe(isRefusedHere(error));
  });
});

describe('what the caller chose', () => {
  test('wakes nobody, and tells the same', () => {
    expect(refusedToCaller(refusedHere('no', 60, cause))).toMatchObject({
      code: 'unavailable',
      message: 'no',
      retryAfter: 60,
      callersDoing: true,
      cause,
    });
  });

  test('has no seconds where none were told', () => {
    expect(refusedToCaller(new Refusal('unavailable', 'no')).retryAfter).toBeUndefined();
  });
});
