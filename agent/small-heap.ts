/**
 * Keeps the process small: it waits nearly all the time, and its cryptography is OpenSSL's. So no JavaScript is worth an
 * optimising compiler, whose threads and code take more memory than all that the agent knows. Loaded before anything runs often.
 */
import { setFlagsFromString } from 'node:v8';

for (const flag of ['--no-opt', '--no-maglev', '--no-sparkplug', '--semi-space-growth-factor=1'])
  setFlagsFromString(flag);
