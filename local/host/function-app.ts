/** Loads a function app from its folder as Azure's Node.js worker does, and invokes its functions. */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { join } from 'node:path';
import { type Core, createCore, type Log, type Registration, type TypedData } from './core-api.ts';

export interface HttpFunction {
  readonly name: string;
  readonly trigger: 'http';
  /** With the route prefix of host.json, without a slash in front. */
  readonly route: string;
  readonly methods: readonly string[];
  readonly authLevel: string;
}

export interface TimerFunction {
  readonly name: string;
  readonly trigger: 'timer';
  /** Six fields, the first for seconds. */
  readonly schedule: string;
  readonly runOnStartup: boolean;
}

export type AppFunction = HttpFunction | TimerFunction;

export interface FunctionApp {
  readonly functions: readonly AppFunction[];
  /** Runs a function with its trigger's input. Rejects with whatever the function throws. */
  invoke(name: string, input: TypedData): Promise<TypedData | undefined>;
  /** Runs what the app registered for its end. */
  terminate(): Promise<void>;
}

/**
 * Loads the app in `folder`: `main` of its package.json, which must be CommonJS, and its host.json. Throws a sentence if
 * the app can't be loaded, registers nothing, or needs what this host does not have; Azure itself shows an app without
 * functions then, and no reason.
 */
export async function loadFunctionApp(folder: string, log: Log): Promise<FunctionApp> {
  const main = entryPoint(folder);
  const prefix = routePrefix(folder);
  const core = createCore(log);
  requireWithCore(main, core);
  await core.programmingModel()?.getCapabilities({});
  await core.runHooks('appStart', { hookData: {}, functionAppDirectory: folder });
  core.lock();
  if (core.registrations.size === 0) throw new Error(`${main} registers no function.`);
  return {
    functions: [...core.registrations.values()].map((registration) =>
      describeFunction(registration, prefix),
    ),
    invoke: (name, input) => invoke(core, name, input, log),
    terminate: () => core.runHooks('appTerminate', { hookData: {} }),
  };
}

function entryPoint(folder: string): string {
  const manifest = readJson(join(folder, 'package.json')) as { main?: unknown; type?: unknown };
  if (typeof manifest.main !== 'string') {
    throw new Error(
      `${join(folder, 'package.json')}: main: expected the function app's entry file`,
    );
  }
  const isCommonJs = manifest.main.endsWith('.cjs') || manifest.type !== 'module';
  if (!isCommonJs) throw new Error(`${manifest.main}: expected CommonJS, a file that ends in .cjs`);
  const main = join(folder, manifest.main);
  if (!existsSync(main)) throw new Error(`${main} is missing: build it first (npm run build).`);
  return main;
}

function routePrefix(folder: string): string {
  const host = readJson(join(folder, 'host.json')) as {
    extensions?: { http?: { routePrefix?: string } };
  };
  return host.extensions?.http?.routePrefix ?? 'api';
}

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

const CORE = '@azure/functions-core';
const CORE_URL = 'functions-core:module';
// The source of a module is text: this is how the text finds the object.
const CORE_KEY = Symbol.for('join-broker.functions-core');

/** Loads a CommonJS file that finds `core` under the name of the worker's built-in module. */
function requireWithCore(file: string, core: Core): void {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === CORE ? { url: CORE_URL, shortCircuit: true } : next(specifier, context),
    load: (url, context, next) => {
      if (url !== CORE_URL) return next(url, context);
      const source = `module.exports = globalThis[Symbol.for(${JSON.stringify(CORE_KEY.description)})];`;
      return { format: 'commonjs', source, shortCircuit: true };
    },
  });
  const globals = globalThis as { [CORE_KEY]?: object };
  globals[CORE_KEY] = core.module;
  try {
    createRequire(file)(file);
  } finally {
    delete globals[CORE_KEY];
    hooks.deregister();
  }
}

function describeFunction({ metadata }: Registration, prefix: string): AppFunction {
  const { name } = metadata;
  const { binding } = triggerOf(metadata);
  if (binding.type === 'timerTrigger') {
    const { schedule = '', runOnStartup = false } = binding;
    return { name, trigger: 'timer', schedule, runOnStartup };
  }
  if (binding.type !== 'httpTrigger') {
    throw new Error(
      `Function "${name}" has a ${binding.type}; this host has HTTP and timers only.`,
    );
  }
  const { route = name, methods = [], authLevel = 'anonymous' } = binding;
  if (/^[/~]/.test(route)) throw new Error(`Function "${name}": its route starts with ${route[0]}`);
  return {
    name,
    trigger: 'http',
    route: [prefix, route].filter((part) => part !== '').join('/'),
    methods: methods.map((method) => method.toUpperCase()),
    authLevel,
  };
}

function triggerOf({ name, bindings }: Registration['metadata']) {
  const trigger = Object.entries(bindings).find(([, { type }]) => type.endsWith('Trigger'));
  if (!trigger) throw new Error(`Function "${name}" has no trigger.`);
  return { key: trigger[0], binding: trigger[1] };
}

async function invoke(
  core: Core,
  name: string,
  input: TypedData,
  log: Log,
): Promise<TypedData | undefined> {
  const registration = core.registrations.get(name);
  const model = core.programmingModel();
  if (!registration || !model) throw new Error(`There is no function "${name}".`);
  const { metadata, callback } = registration;
  const invocationId = randomUUID();
  const request = { invocationId, inputData: [{ name: triggerOf(metadata).key, data: input }] };
  const coreContext = { invocationId, metadata, request, state: undefined, log };
  const invocation = await model.getInvocationModel(coreContext);
  const { context, inputs } = await invocation.getArguments();

  const hookData = {};
  const before = { hookData, invocationContext: context, functionCallback: callback, inputs };
  await core.runHooks('preInvocation', before);
  const after: { result: unknown; error: unknown; [other: string]: unknown } = {
    hookData,
    invocationContext: context,
    inputs: before.inputs,
    result: null,
    error: null,
  };
  try {
    after.result = await invocation.invokeFunction(context, before.inputs, before.functionCallback);
  } catch (error) {
    after.error = error;
  }
  await core.runHooks('postInvocation', after);
  if (after.error) throw after.error;
  return (await invocation.getResponse(context, after.result)).returnValue ?? undefined;
}
