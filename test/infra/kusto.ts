/** Kusto queries, read by Microsoft's own language service with our tables declared: unknown names are its diagnostics. */
import { createRequire } from 'node:module';
import { LOG_TABLES } from './log-tables.ts';

/** What is used of the library: C#, compiled to JavaScript, whose constructors have numbers. */
interface Language {
  readonly GlobalState: { readonly Default: Globals };
  readonly KustoCode: { ParseAndAnalyze(text: string, globals: Globals): Code };
  readonly Symbols: {
    readonly TableSymbol: {
      readonly $ctor7: new (name: string, schema: string, description: null) => object;
    };
    readonly DatabaseSymbol: { readonly ctor: new (name: string, members: object[]) => object };
  };
}
interface Globals {
  WithDatabase(database: object): Globals;
}
interface Code {
  GetDiagnostics(): { readonly Count: number; getItem(index: number): Diagnostic };
}
interface Diagnostic {
  readonly Message: string;
  readonly Start: number;
}

const require = createRequire(import.meta.url);
require('@kusto/language-service-next/bridge.min.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
const { Kusto } = globalThis as unknown as { readonly Kusto: { readonly Language: Language } };
const { GlobalState, KustoCode, Symbols } = Kusto.Language;

const tables = Object.entries(LOG_TABLES).map(([name, columns]) => {
  const schema = Object.entries(columns).map(([column, type]) => `${column}: ${type}`);
  return new Symbols.TableSymbol.$ctor7(name, `(${schema.join(', ')})`, null);
});
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor('logs', tables));

/** Everything that the language service has to say about a query, hints included. */
export function kustoProblems(query: string): string[] {
  const diagnostics = KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics();
  return Array.from({ length: diagnostics.Count }, (_, index) => {
    const { Message, Start } = diagnostics.getItem(index);
    return `line ${query.slice(0, Start).split('\n').length}: ${Message}`;
  });
}
