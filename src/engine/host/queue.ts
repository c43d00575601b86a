/** The area of the queue. */
import { rm } from 'node:fs/promises';
import type { Area } from './host-context';
import { notFound } from './host-error';
import type { HostServices } from './services';

export function queueArea({ desk, device }: HostServices): Area {
  const present = () => desk.queueValue();
  return {
    handlers: {
      'queue.get': present,
      'queue.move': async ({ job, before }) => {
        if (!(await desk.queue.move(job, before))) throw notFound('such job in the queue');
        return present();
      },
      'queue.remove': async ({ job }) => {
        const stored = desk.queue.present.jobs.find((each) => each.job === job);
        if (!(await desk.queue.remove(job)) || !stored) throw notFound('such job in the queue');
        const entry = desk.registry.find(stored.run);
        // One that never began is gone with its place.
        if (entry?.record?.state === 'queued' && !entry.isElsewhere) {
          await rm(entry.folder, { recursive: true, force: true });
          await desk.registry.forget(entry.name);
          desk.tell([], [entry.name]);
        } else if (entry) desk.tell([entry]);
        return present();
      },
      'queue.hold': async ({ held }) => {
        await desk.queue.hold(held);
        if (!held) void device.open().catch(() => undefined);
        return present();
      },
    },
    topics: { queue: present },
  };
}
