import { app } from '@azure/functions';

app.http('never', { handler: () => ({}) });
throw new Error('JOIN_BROKER_CLUSTER_NAME is missing');
