/**
 * The tables of a workspace that queries ask, and their columns
 * (https://learn.microsoft.com/azure/azure-monitor/reference/tables-index), as far as they are asked.
 */
export type ColumnType = 'bool' | 'datetime' | 'dynamic' | 'int' | 'long' | 'real' | 'string';
type Columns = Readonly<Record<string, ColumnType>>;

/** Columns that every table of Application Insights has. */
const APPLICATION: Columns = {
  TimeGenerated: 'datetime',
  AppRoleInstance: 'string',
  AppRoleName: 'string',
  AppVersion: 'string',
  ItemCount: 'int',
  OperationId: 'string',
  OperationName: 'string',
  Properties: 'dynamic',
  SDKVersion: 'string',
  Type: 'string',
  _ResourceId: 'string',
};

export const LOG_TABLES: Readonly<Record<string, Columns>> = {
  /** Metrics of our own; `ItemCount` is the number of measurements behind `Sum`. */
  AppMetrics: { ...APPLICATION, Name: 'string', Sum: 'real', Min: 'real', Max: 'real' },
  AppTraces: { ...APPLICATION, Message: 'string', SeverityLevel: 'int' },
  AppRequests: {
    ...APPLICATION,
    Name: 'string',
    DurationMs: 'real',
    ResultCode: 'string',
    Success: 'bool',
    Url: 'string',
  },
  AppAvailabilityResults: {
    ...APPLICATION,
    Name: 'string',
    DurationMs: 'real',
    Location: 'string',
    Message: 'string',
    Success: 'bool',
  },
  Usage: {
    TimeGenerated: 'datetime',
    DataType: 'string',
    IsBillable: 'bool',
    Quantity: 'real',
    QuantityUnit: 'string',
    Solution: 'string',
    Type: 'string',
  },
};
