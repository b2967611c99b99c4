/** A function app whose timer runs when the host starts it. */
import { app } from '@azure/functions';

app.timer('at-once', {
  schedule: '0 0 0 1 1 *',
  runOnStartup: true,
  handler: () => void process.stdout.write('ran at once\n'),
});
