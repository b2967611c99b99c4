/**
 * The module `@azure/functions-core`, which Azure's Node.js worker has built in and `@azure/functions` is written against.
 * Only what that library uses is here, in the worker's own terms (its messages are called RPC there).
 */

/** A value on its way between host and function. */
export interface TypedData {
  readonly string?: string;
  readonly json?: string;
  readonly bytes?: Uint8Array;
  readonly int?: number;
  readonly double?: number;
  readonly http?: HttpData;
}

/** An HTTP request or answer. */
export interface HttpData {
  readonly method?: string;
  readonly url?: string;
  readonly nullableHeaders?: NullableStrings;
  readonly nullableParams?: NullableStrings;
  readonly nullableQuery?: NullableStrings;
  readonly body?: TypedData;
  readonly statusCode?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly HttpCookie[];
}

export type NullableStrings = Readonly<Record<string, { readonly value: string }>>;

export interface HttpCookie {
  readonly name: string;
  readonly value: string;
}

/** What a function is bound to, as it was registered. The trigger is the one whose type ends in `Trigger`. */
export interface Binding {
  readonly type: string;
  readonly direction: 'in' | 'out' | 'inout';
  readonly route?: string;
  readonly methods?: readonly string[];
  readonly authLevel?: string;
  readonly schedule?: string;
  readonly runOnStartup?: boolean;
}

export interface FunctionMetadata {
  readonly name: string;
  readonly bindings: Readonly<Record<string, Binding>>;
}

export type FunctionCallback = (...args: unknown[]) => unknown;

export interface Registration {
  readonly metadata: FunctionMetadata;
  readonly callback: FunctionCallback;
}

export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical';
export type LogCategory = 'user' | 'system' | 'customMetric';
export type Log = (level: LogLevel, category: LogCategory, message: string) => void;

export interface CoreInvocationContext {
  readonly invocationId: string;
  readonly metadata: FunctionMetadata;
  readonly request: {
    readonly invocationId: string;
    readonly inputData: readonly { readonly name: string; readonly data: TypedData }[];
  };
  state: 'preInvocationHooks' | 'invocation' | 'postInvocationHooks' | undefined;
  readonly log: Log;
}

export interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<{ returnValue?: TypedData | null }>;
}

export interface ProgrammingModel {
  getInvocationModel(context: CoreInvocationContext): InvocationModel | Promise<InvocationModel>;
  getCapabilities(defaults: Record<string, string>): Promise<Record<string, string>>;
}

const HOOKS = ['appStart', 'appTerminate', 'preInvocation', 'postInvocation', 'log'] as const;
export type HookName = (typeof HOOKS)[number];
type Hook = (context: object) => unknown;

/** The worker's side of the module. */
export interface Core {
  /** What `require('@azure/functions-core')` gives. */
  readonly module: object;
  readonly registrations: ReadonlyMap<string, Registration>;
  programmingModel(): ProgrammingModel | undefined;
  runHooks(name: HookName, context: object): Promise<void>;
  /** From here on no function can be registered. */
  lock(): void;
}

export function createCore(log: Log): Core {
  const registrations = new Map<string, Registration>();
  const hooks = new Map<string, Hook[]>(HOOKS.map((name) => [name, []]));
  let model: ProgrammingModel | undefined;
  let locked = false;

  const module = {
    version: '3.13.0',
    hostVersion: '4.1000.0',
    log,
    Disposable,
    setProgrammingModel: (chosen: ProgrammingModel) => {
      model = chosen;
    },
    getProgrammingModel: () => model,
    registerFunction: (metadata: FunctionMetadata, callback: FunctionCallback) => {
      if (locked) throw new Error('A function can only be registered while the app starts.');
      if (registrations.has(metadata.name)) {
        throw new Error(`Two functions are called "${metadata.name}".`);
      }
      registrations.set(metadata.name, { metadata, callback });
      return new Disposable(() => registrations.delete(metadata.name));
    },
    registerHook: (name: string, hook: Hook) => {
      const registered = hooks.get(name);
      if (!registered) throw new RangeError(`There is no hook "${name}".`);
      registered.push(hook);
      return new Disposable(() =>
        hooks.set(
          name,
          registered.filter((other) => other !== hook),
        ),
      );
    },
  };

  return {
    module,
    registrations,
    programmingModel: () => model,
    runHooks: async (name, context) => {
      for (const hook of hooks.get(name) ?? []) await hook(context);
    },
    lock: () => {
      locked = true;
    },
  };
}

/** A class, because `@azure/functions` may test for it. */
class Disposable {
  readonly dispose: () => unknown;

  constructor(dispose: () => unknown) {
    this.dispose = dispose;
  }
}
