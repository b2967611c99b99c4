/** Reads a config file of either form: the agent's own, or a `teleport.yaml`. */
import { refuseOtherForms, withoutEmptyFields } from './config-forms.ts';
import { type ConfigFile, configFile } from './config-schema.ts';
import type { HostService } from './settings.ts';
import { readTeleportYaml } from './teleport-yaml.ts';
import { type FailureAt, parseYaml } from './yaml-file.ts';

export interface ReadConfig {
  readonly value: ConfigFile;
  /** The service that is to join; absent: a bot. */
  readonly host?: HostService;
  /** The failure to throw for a problem that only shows when file and flags are put together. */
  readonly failure: FailureAt;
}

/** `fileName` is for messages only. A `teleport.yaml` is known by its field `teleport`. Throws a `Failure`. */
export function readConfig(text: string, fileName: string): ReadConfig {
  const file = parseYaml(text, fileName);
  if (file.has('teleport')) return readTeleportYaml(file);
  refuseOtherForms(file.content, file.failure);
  const value = file.read(configFile, withoutEmptyFields(file.content));
  return { value, failure: file.failure };
}
