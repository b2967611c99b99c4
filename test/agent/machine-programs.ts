/** Programs of a machine that has none: what would have been run is only written down. */
import type { MachinePrograms } from '../../agent/machine-programs.ts';

export const noPrograms = (commands: string[] = []): MachinePrograms => ({
  run: async (program, args) => void commands.push([program, ...args].join(' ')),
  hangUp: (pid) => void commands.push(`HUP ${pid}`),
});
