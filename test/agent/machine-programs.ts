/** Programs of a machine that has none: what would have been run is only written down. */
import type { MachinePrograms } from '../../agent/machine-programs.ts';

export const noPrograms = (commands: string[] = []): MachinePrograms => ({
  run: async (program, args) => void commands.push([program, ...args].join(' ')),
  signal: (pid, signal) => void commands.push(`${signal.slice(3)} ${pid}`),
});
