/** A process of its own that adds to a queue: `node queue-worker.js QUEUE NAME COUNT`. */
import { QueueFile } from '../../../src/engine/jobs';

const [path, name, count] = process.argv.slice(2);
const file = new QueueFile(path!);
for (let i = 0; i < Number(count); i++) {
  await file.change((queue) => {
    queue.jobs.push({
      job: queue.next++,
      kind: 'train',
      run: `${name} ${i}`,
      folder: `/${name}/${i}`,
      detail: '',
      owner: 'workbench',
      state: 'waiting',
      holder: null,
      beat: 0,
      progress: 0,
      secondsLeft: null,
      lastFrom: 0,
      attempts: 0,
    });
  });
}
