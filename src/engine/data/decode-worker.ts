/** Entry of a decoding thread: takes jobs one at a time, answers each with a result or a reason. */
import { parentPort } from 'node:worker_threads';
import { LargePicture } from './decode';
import { buffersOf, runDecodeJob, type DecodeJob, type DecodeResult } from './decode-job';
import { PictureError } from './problems';

export interface WorkerRequest {
  readonly id: number;
  readonly job: DecodeJob;
  readonly isAlone: boolean;
}

export type WorkerReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly id: number; readonly result: DecodeResult }
  /** To be asked again when no other large picture is being decoded. */
  | { readonly kind: 'large'; readonly id: number }
  /** The picture cannot be read. */
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string }
  /** The program is wrong. */
  | { readonly kind: 'defect'; readonly id: number; readonly stack: string };

const port = parentPort;
if (!port) throw new Error('decode-worker runs in a worker thread only');

const reply = (message: WorkerReply, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

port.on('message', ({ id, job, isAlone }: WorkerRequest) => {
  runDecodeJob(job, isAlone).then(
    (result) => reply({ kind: 'done', id, result }, buffersOf(result)),
    (error: unknown) => {
      if (error instanceof LargePicture) reply({ kind: 'large', id });
      else if (error instanceof PictureError) reply({ kind: 'failed', id, reason: error.reason });
      else reply({ kind: 'defect', id, stack: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    },
  );
});
reply({ kind: 'ready' });
