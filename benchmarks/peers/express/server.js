// The primary process starts the workers and replaces those that die.
import cluster from 'node:cluster';
import { rmSync } from 'node:fs';

import { settings } from './settings.js';

if (cluster.isPrimary) {
  let ending = false;
  rmSync(settings.socket, { force: true });
  for (let n = 0; n < settings.workers; n += 1) cluster.fork();
  cluster.on('exit', () => {
    if (!ending) cluster.fork();
  });
  process.on('SIGTERM', () => {
    ending = true;
    for (const worker of Object.values(cluster.workers)) worker.kill();
  });
} else {
  const { createApp } = await import('./app.js');
  const server = (await createApp(settings)).listen(settings.socket);
  server.keepAliveTimeout = 75_000; // ms; longer than Nginx's
}
