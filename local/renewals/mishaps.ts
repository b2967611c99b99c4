/** What is done to one run of an agent: at a chosen point between its new keys and its stored answer, or at any moment. */

import type { LossyProxy } from './lossy-proxy.ts';
import type { Running } from './machine.ts';

/** Sets everything up before the run, and gives what happens during it. */
export type Mishap = (proxy: LossyProxy, random: () => number) => (running: Running) => void;

/** The agent's start takes about so long. */
const START_MS = 400;

export const MISHAPS: Readonly<Record<string, Mishap>> = {
  'killed at any moment': (_, random) => (running) =>
    void setTimeout(running.kill, random() * 1.5 * START_MS).unref(),
  'killed when its keys and request are on the disk': (_, random) => (running) =>
    running.killOnFile(/^requests-/, random() * 5),
  'killed as it sends, the request lost': (proxy) => (running) =>
    proxy.next('request lost', running.kill),
  'killed as it sends, the request carried out later': (proxy) => (running) =>
    proxy.next('request late', (point) => point === 'arrived' && running.kill()),
  'killed when the broker has written, before the answer': (proxy) => (running) =>
    proxy.next('answer lost', (point) => point === 'answered' && running.kill()),
  'killed as the answer comes': (proxy, random) => (running) =>
    proxy.next('passes', (point) => {
      if (point === 'returned') setTimeout(running.kill, random() * 20).unref();
    }),
  'killed as it stores the answer': (_, random) => (running) =>
    running.killOnFile(/^\.\./, random() * 5),
  'the answer lost': (proxy) => () => proxy.next('answer lost'),
  'the request lost': (proxy) => () => proxy.next('request lost'),
};
